/** The command lines of the control plane's programs. */
import { FRONT_PROXY_NAME, type MaterialFiles } from './material.ts';

/**
 * What our pods need from kube-controller-manager. Node life cycle stays off, because the process kubelet reports for its
 * nodes, and so does the volume binder, because the laptop cluster's own binds claims to folders.
 */
export const CONTROLLERS: readonly string[] = [
  'clusterrole-aggregation-controller',
  'cronjob-controller',
  'deployment-controller',
  'disruption-controller',
  'endpoints-controller',
  'endpointslice-controller',
  'garbage-collector-controller',
  'horizontal-pod-autoscaler-controller',
  'job-controller',
  'namespace-controller',
  'persistentvolumeclaim-protection-controller',
  'replicaset-controller',
  'root-ca-certificate-publisher-controller',
  'serviceaccount-controller',
  'statefulset-controller',
  'ttl-after-finished-controller',
];

export function etcdFlags(dataDir: string, port: number): string[] {
  const url = `http://127.0.0.1:${port}`;
  return [
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    '--listen-peer-urls=http://127.0.0.1:0',
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

export interface ApiServerPorts {
  readonly etcd: number;
  readonly apiServer: number;
}

export function apiServerFlags(
  files: MaterialFiles,
  ports: ApiServerPorts,
  options: { readonly certDir: string; readonly serviceCidr: string },
): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    `--cert-dir=${options.certDir}`,
    `--tls-cert-file=${files.serverCert}`,
    `--tls-private-key-file=${files.serverKey}`,
    `--client-ca-file=${files.ca}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${ports.apiServer}`,
    `--service-cluster-ip-range=${options.serviceCidr}`,
    '--endpoint-reconciler-type=none',
    '--allow-privileged=true',
    '--authorization-mode=RBAC',
    `--service-account-issuer=https://kubernetes.default.svc.cluster.local`,
    `--service-account-key-file=${files.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    // How it reaches a node for `kubectl logs`.
    `--kubelet-client-certificate=${files.adminCert}`,
    `--kubelet-client-key=${files.adminKey}`,
    `--kubelet-certificate-authority=${files.ca}`,
    '--kubelet-preferred-address-types=InternalIP,Hostname',
    // How extension API servers, such as adapters of metrics, know that it is the one who passes requests on.
    `--requestheader-client-ca-file=${files.frontProxyCa}`,
    `--requestheader-allowed-names=${FRONT_PROXY_NAME}`,
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${files.frontProxyCert}`,
    `--proxy-client-key-file=${files.frontProxyKey}`,
  ];
}

export function controllerManagerFlags(
  files: MaterialFiles,
  options: { readonly kubeconfig: string; readonly port: number; readonly certDir: string },
): string[] {
  return [
    ...clientFlags(options),
    '--use-service-account-credentials=false',
    `--root-ca-file=${files.ca}`,
    `--service-account-private-key-file=${files.serviceAccountKey}`,
    `--controllers=${CONTROLLERS.join(',')}`,
    '--kube-api-qps=200',
    '--kube-api-burst=400',
    '--horizontal-pod-autoscaler-sync-period=2s',
  ];
}

export function schedulerFlags(options: {
  readonly kubeconfig: string;
  readonly port: number;
  readonly certDir: string;
}): string[] {
  return clientFlags(options);
}

function clientFlags(options: {
  readonly kubeconfig: string;
  readonly port: number;
  readonly certDir: string;
}): string[] {
  return [
    `--kubeconfig=${options.kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${options.port}`,
    `--cert-dir=${options.certDir}`,
    '--leader-elect=false',
  ];
}
