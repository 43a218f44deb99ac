/** The webhook as the chart registers it, but reached at an address of this machine instead of through a Service. */
import { findHelm, renderChart } from '../../deploy/helm.ts';
import { RESOURCES, type KubeClient, type KubeObject } from '../../src/kube/index.ts';

const helm = findHelm();
export const noHelm = helm === undefined ? 'no helm in $HELM, $KUBEBUILDER_ASSETS or $PATH' : false;

interface Webhook {
  readonly clientConfig: {
    readonly service?: { readonly path: string };
    readonly url?: string;
    readonly caBundle?: string;
  };
}

export interface Configuration extends KubeObject {
  readonly webhooks: readonly Webhook[];
}

/** `configuration` with the URL of an operator outside of the cluster. */
export function atUrl(configuration: KubeObject, url: string): Configuration {
  const { webhooks } = configuration as Configuration;
  return {
    ...configuration,
    webhooks: webhooks.map(({ clientConfig, ...webhook }) => ({
      ...webhook,
      clientConfig: { url: `${url}${clientConfig.service?.path ?? ''}` },
    })),
  };
}

/** Registers the webhook for these namespaces; returns the name of the configuration. */
export async function register(
  client: KubeClient,
  release: string,
  { url, namespaces }: { readonly url: string; readonly namespaces: readonly string[] },
): Promise<string> {
  const rendered = await renderChart(
    helm as string,
    [
      ...['--set', 'webhook.enabled=true', '--set-json'],
      `watchNamespaces=${JSON.stringify(namespaces)}`,
    ],
    release,
  );
  const type = RESOURCES.validatingWebhookConfigurations;
  const found = rendered.find(({ kind }) => kind === type.kind) as unknown as KubeObject;
  const configuration = atUrl(found, url);
  await client.apply(type, configuration, { fieldManager: 'test' });
  return configuration.metadata.name as string;
}

/** PEM that the API server trusts when it asks the webhook; empty when nobody has written it. */
export async function bundleOf(client: KubeClient, name: string): Promise<string> {
  const type = RESOURCES.validatingWebhookConfigurations;
  const found = await client.get<Configuration>(type, { name });
  const bundle = found?.webhooks[0]?.clientConfig.caBundle ?? '';
  return Buffer.from(bundle, 'base64').toString('utf8');
}
