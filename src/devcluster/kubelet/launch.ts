/** From a container's specification to the program, environment and folders of its process. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '../../std/index.ts';
import {
  commandLine,
  containerEnvironment,
  expandReferences,
  pathRewriter,
  type Container,
  type LocalImage,
  type PathRule,
  type Pod,
  type PodFacts,
} from '../core/index.ts';
import { networkVariables } from '../network/index.ts';
import type { KubeletDependencies } from './ports.ts';

/** What the containers of one pod have in common. */
export interface PodSurroundings {
  /** The newest version of the pod object. */
  pod(): Pod;
  readonly facts: PodFacts;
  /** The pod's own folder; it is removed with the pod. */
  readonly folder: string;
  /** Folder of a mounted volume. */
  volumeFolder(name: string): string | undefined;
  readonly dependencies: KubeletDependencies;
  /** To be called when a container's state changed. */
  onChange(): void;
}

export interface Launch {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  /** Where the program writes its last words; the value of `terminationMessagePath`, on disk. */
  readonly terminationMessageFile: string;
}

const TERMINATION_MESSAGE_PATH = '/dev/termination-log';
const SERVICE_ACCOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A sentence instead, when a referenced object or a command is missing. */
export async function prepareLaunch(
  container: Container,
  image: LocalImage,
  surroundings: PodSurroundings,
): Promise<Result<Launch, string>> {
  const { facts, dependencies } = surroundings;
  const pod = surroundings.pod();
  const own = join(surroundings.folder, 'containers', container.name);
  const terminationMessageFile = join(own, 'termination-log');
  const rules = pathRules(container, surroundings, terminationMessageFile);
  if (!rules.ok) return rules;
  const rewrite = pathRewriter(rules.value);
  const variables = containerEnvironment({
    pod,
    container,
    facts,
    sources: sourcesOf(pod, dependencies),
    ...(image.env === undefined ? {} : { imageEnv: image.env }),
  });
  if (!variables.ok) return variables;
  const expand = (text: string): string => expandReferences(text, variables.value);
  const command = commandLine(image, {
    command: (container.command ?? []).map((text) => rewrite(expand(text))),
    args: (container.args ?? []).map((text) => rewrite(expand(text))),
  });
  if (command.length === 0) return err(`no command specified for image "${container.image}"`);
  const temporary = join(own, 'tmp');
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  const given = Object.fromEntries([...variables.value].map(([key, text]) => [key, rewrite(text)]));
  return ok({
    command,
    folder: await workingFolder(container, image, rewrite, own),
    terminationMessageFile,
    env: {
      PATH: `${dependencies.nodeFolder}:${SYSTEM_PATH}`,
      HOME: own,
      TMPDIR: mountedTemporary(rules.value) ?? temporary,
      ...apiVariables(dependencies),
      HOSTNAME: pod.spec.hostname ?? pod.metadata.name ?? '',
      ...given,
      ...networkVariables(
        {
          moduleUrl: dependencies.networkModuleUrl,
          hostsFile: dependencies.hostsFile,
          podAddress: facts.podIP,
          namespace: pod.metadata.namespace ?? 'default',
          serviceAccountFolder: rules.value.find(
            ({ mountPath }) => mountPath === SERVICE_ACCOUNT_PATH,
          )?.folder,
        },
        given['NODE_OPTIONS'],
      ),
    },
  });
}

/** By these every client library finds the API from inside. */
function apiVariables({ apiService }: KubeletDependencies): Record<string, string> {
  const { host, port } = apiService();
  return {
    KUBERNETES_SERVICE_HOST: host,
    KUBERNETES_SERVICE_PORT: String(port),
    KUBERNETES_SERVICE_PORT_HTTPS: String(port),
  };
}

function pathRules(
  container: Container,
  surroundings: PodSurroundings,
  terminationMessageFile: string,
): Result<PathRule[], string> {
  const rules: PathRule[] = [
    {
      mountPath: container.terminationMessagePath ?? TERMINATION_MESSAGE_PATH,
      folder: terminationMessageFile,
    },
  ];
  for (const mount of container.volumeMounts ?? []) {
    const folder = surroundings.volumeFolder(mount.name);
    if (folder === undefined) return err(`volume "${mount.name}" is not part of the pod`);
    rules.push({
      mountPath: mount.mountPath,
      folder: mount.subPath === undefined ? folder : join(folder, mount.subPath),
    });
  }
  return ok(rules);
}

const mountedTemporary = (rules: readonly PathRule[]): string | undefined =>
  rules.find(({ mountPath }) => mountPath === '/tmp')?.folder;

async function workingFolder(
  container: Container,
  image: LocalImage,
  rewrite: (path: string) => string,
  own: string,
): Promise<string> {
  const wanted = container.workingDir;
  const mounted = wanted === undefined ? undefined : rewrite(wanted);
  // A folder inside the image does not exist here: the row's folder stands for it.
  if (mounted === undefined || mounted === wanted) return image.workingDir ?? own;
  await mkdir(mounted, { recursive: true });
  return mounted;
}

function sourcesOf(pod: Pod, { objects }: KubeletDependencies) {
  const namespace = pod.metadata.namespace ?? 'default';
  return {
    configMap: (name: string) => objects.configMap(`${namespace}/${name}`),
    secret: (name: string) => objects.secret(`${namespace}/${name}`),
  };
}
