/**
 * No process of a container may outlive the laptop cluster, not even when that is killed by SIGKILL. One small shell per
 * cluster reads the process groups that live from a pipe; when the pipe ends, for whatever reason, it kills them all.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** `kill 0` and unset groups must be impossible: only numbers that were added are ever killed. */
const SCRIPT = `trap '' INT TERM HUP
groups=' '
while read -r verb group; do
  case $verb in
    add) groups="$groups$group " ;;
    del) case $groups in *" $group "*) groups="\${groups%% $group *} \${groups#* $group }" ;; esac ;;
  esac
done
for group in $groups; do kill -s KILL -- "$group" 2>/dev/null; done
[ -z "$1" ] || rm -rf -- "$1"`;

export interface Reaper {
  /** Resolves once the reaper knows the group; only then may the group's program begin. */
  add(group: number): Promise<void>;
  remove(group: number): void;
  /** A single process of the cluster itself (a control plane's program). */
  addProcess(pid: number): Promise<void>;
  removeProcess(pid: number): void;
  /** Kills what is still registered, removes the folder, and waits until the reaper itself has ended. */
  stop(): Promise<void>;
  readonly pid: number;
}

/** `removeFolder` is a temporary folder that goes with the cluster; absent when its data are kept. */
export async function startReaper(
  options: { readonly removeFolder?: string } = {},
): Promise<Reaper> {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'reaper', options.removeFolder ?? ''], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: '/usr/bin:/bin' },
    cwd: '/',
  });
  await once(child, 'spawn');
  const ended = once(child, 'exit');
  child.stdin.on('error', () => undefined);
  const tell = (line: string): Promise<void> =>
    new Promise((resolve, reject) => {
      child.stdin.write(`${line}\n`, (error) => (error ? reject(error) : resolve()));
    });
  const forget = (target: number): void => {
    if (child.stdin.writable) child.stdin.write(`del ${target}\n`);
  };
  return {
    pid: child.pid as number,
    // A negative number names a whole group.
    add: (group) => tell(`add -${group}`),
    addProcess: (pid) => tell(`add ${pid}`),
    remove: (group) => forget(-group),
    removeProcess: (pid) => forget(pid),
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
