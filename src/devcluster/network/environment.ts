/** The variables by which a Node program joins the cluster's network; `pod-network.ts` reads them. */

export interface NetworkEnvironment {
  /** URL of the module that is loaded first into the program. */
  readonly moduleUrl: string;
  readonly hostsFile: string;
  /** Absent for a program outside every pod (an operator on the developer's machine, a client). */
  readonly podAddress?: string;
  readonly namespace?: string;
  /** Folder of the files of the pod's service account, when they are mounted. */
  readonly serviceAccountFolder?: string | undefined;
}

/** The module as it lies in the source tree; a bundle passes the URL of its own copy. */
export function podNetworkModuleUrl(): string {
  return new URL('./pod-network.ts', import.meta.url).href;
}

/** Variables to add to a process; `nodeOptions` are options it has already. */
export function networkVariables(
  environment: NetworkEnvironment,
  nodeOptions = '',
): Record<string, string> {
  const { moduleUrl, hostsFile, podAddress, namespace, serviceAccountFolder } = environment;
  return {
    NODE_OPTIONS: `--import ${moduleUrl} ${nodeOptions}`.trim(),
    MCP_DEV_HOSTS_FILE: hostsFile,
    ...(podAddress === undefined ? {} : { MCP_DEV_POD_ADDRESS: podAddress }),
    ...(namespace === undefined ? {} : { MCP_DEV_NAMESPACE: namespace }),
    ...(serviceAccountFolder === undefined
      ? {}
      : { MCP_DEV_SERVICE_ACCOUNT: serviceAccountFolder }),
  };
}
