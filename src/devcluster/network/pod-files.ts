/**
 * Plays one mount of a container for a Node program: the files of its service account, which programs look for at a fixed
 * path. Paths in arguments and variables are rewritten when the process is started; a path that a library has built in can
 * only be found by reading functions that know where it leads. Loaded with `pod-network.ts`.
 */
import fs from 'node:fs';

/** Where Kubernetes mounts the token, the authority and the namespace of a pod's service account. */
const SERVICE_ACCOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

const READERS = ['access', 'createReadStream', 'open', 'readFile', 'realpath', 'stat'];
const SYNC_READERS = ['accessSync', 'existsSync', 'openSync', 'readFileSync', 'statSync'];
const PROMISE_READERS = ['access', 'open', 'readFile', 'realpath', 'stat'];

/** Makes reads below the service account's path go to `folder`. The caller makes the change known to modules. */
export function mountServiceAccount(folder: string): void {
  const translate = (path: unknown): unknown =>
    typeof path === 'string' &&
    (path === SERVICE_ACCOUNT_PATH || path.startsWith(`${SERVICE_ACCOUNT_PATH}/`))
      ? folder + path.slice(SERVICE_ACCOUNT_PATH.length)
      : path;
  const patch = (object: object, names: readonly string[]): void => {
    const functions = object as Record<string, AnyFunction>;
    for (const name of names) {
      const real = functions[name] as AnyFunction;
      const replaced: AnyFunction = function (this: unknown, path, ...rest) {
        return real.call(this, translate(path), ...rest);
      };
      // Some carry further functions (`realpath.native`, the one for promisify).
      functions[name] = Object.defineProperties(replaced, Object.getOwnPropertyDescriptors(real));
    }
  };
  patch(fs, [...READERS, ...SYNC_READERS]);
  patch(fs.promises, PROMISE_READERS);
}
