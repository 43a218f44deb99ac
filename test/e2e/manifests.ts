/** McpClusters that scenarios apply. */
import { API_VERSION, MCP_CLUSTER_KIND } from '../../src/api/index.ts';
import type { KubeObject } from '../../src/kube/index.ts';

/** Where all scenarios play. */
export const NAMESPACE = 'mcp-cluster-e2e';

/** Any spec, right or wrong. */
export function mcpCluster(name: string, spec: object): KubeObject {
  return {
    apiVersion: API_VERSION,
    kind: MCP_CLUSTER_KIND,
    metadata: { namespace: NAMESPACE, name },
    spec,
  };
}

/** The reference server, as its image runs it. */
export const EVERYTHING = {
  image: 'docker.io/mcp/everything:latest',
  args: ['node', 'dist/index.js', 'streamableHttp'],
  env: [{ name: 'PORT', value: '3001' }],
  port: 3001,
};

/** A server that is this piece of JavaScript; `process.env.POD` is the name of its pod. */
export function scriptServer(script: string): object {
  return {
    image: EVERYTHING.image,
    command: ['node', '-e', script],
    env: [
      { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'PORT', value: '3001' },
    ],
    port: 3001,
  };
}
