/** The control plane that tests may start: a folder with etcd, kube-apiserver and kubectl that `KUBEBUILDER_ASSETS` names. */

/** Empty where there is none. */
export const assets = process.env['KUBEBUILDER_ASSETS'] ?? '';

/** Why tests that need it are skipped, or false; for the options of a test. */
export const skip = assets === '' ? 'KUBEBUILDER_ASSETS is not set' : false;
