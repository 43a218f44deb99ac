/**
 * A pod that is deleted or drained from outside hands its sessions over before its server gets SIGTERM. The kubelet runs the preStop
 * hooks of all containers at once, and only then sends signals (Kubernetes 1.29 and later: `killContainer`): the sidecar's hook gives
 * the word, the server's waits for the end. The word is a file that no other container sees. The other hook is a request, since
 * a server's image may hold no program but the server; the path it asks changes nothing.
 */
import { SIDECAR_PORTS, type McpCluster } from '../../api/index.ts';

/** For the server to stop, and then for the sidecar. */
const RESERVED_SECONDS = 10;

/** `folder` is one that only the sidecar has. */
const wordFile = (folder: string): string => `${folder}/hand-over`;

export function handOverArguments({ spec }: McpCluster, folder: string): readonly string[] {
  const { terminationGracePeriodSeconds } = spec.podTemplate;
  const seconds = Math.max(1, terminationGracePeriodSeconds - RESERVED_SECONDS);
  return [`--hand-over-file=${wordFile(folder)}`, `--hand-over-timeout=${seconds}s`];
}

/** Of the sidecar: an empty file is made, by the shortest program that the image can run. */
export function givesTheWord(folder: string) {
  const program = "fs.writeFileSync(process.argv[1], '')";
  return { preStop: { exec: { command: ['node', '--eval', program, wordFile(folder)] } } };
}

/** Of the server: the port has no name in its container. */
export const waitsForHandOver = {
  preStop: { httpGet: { path: '/drained', port: SIDECAR_PORTS.metrics, scheme: 'HTTP' } },
} as const;
