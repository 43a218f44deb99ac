/**
 * The laptop cluster's API server: the part of kube-apiserver that our kinds, kubectl and client libraries use, over the
 * object store. A request is taken apart in `serve.ts`, finds its handler in the table of `routes.ts`, writes through
 * `write.ts`, and leaves through `present.ts`; what is particular to a kind is in `kinds/`. It is judged against the real
 * kube-apiserver by a differential test.
 */
export { API_SERVICE_ADDRESS } from './bootstrap.ts';
export type { LogOptions, PodLogs, User } from './context.ts';
export { writeKubeconfig, type KubeconfigOptions } from './kubeconfig.ts';
export { startApiServer, type ApiServer, type ApiServerOptions } from './server.ts';
