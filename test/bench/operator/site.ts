/** A place where the operator runs as in its pod: the image's environment and compiled code, the chart's flags, a service account. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { loadAll } from 'js-yaml';
import { fillCompileCache, PROGRAM, readImage } from '../../../deploy/image.ts';
import { createCertificateAuthority, issueCertificate } from '../../../src/security/index.ts';
import type { ServerTls } from '../../operator/faulty-api.ts';

const ROOT = join(import.meta.dirname, '../../..');

export type SiteProcess = ChildProcessByStdio<null, null, Readable>;

export interface Site {
  /** What the API server shows; the service account trusts it. */
  readonly tls: ServerTls;
  /** Starts the operator against the API server at this URL. */
  operator(server: string): SiteProcess;
  /** Starts the least program that lists McpClusters and watches them, with Node's own HTTP. */
  floor(server: string): SiteProcess;
  remove(): Promise<void>;
}

/** Arguments: folder of the service account, URL of the API server. */
const FLOOR = `
const { readFileSync } = require('node:fs');
const { Agent, get } = require('node:https');
const [folder, server] = process.argv.slice(1);
const agent = new Agent({ keepAlive: true, ca: readFileSync(folder + '/ca.crt') });
const headers = { authorization: 'Bearer ' + readFileSync(folder + '/token', 'utf8') };
const ask = (query, done) =>
  get(server + '/apis/mcpcluster.io/v1alpha1/mcpclusters?' + query, { agent, headers }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => done(JSON.parse(text)));
  });
ask('limit=500', ({ metadata }) => ask('watch=true&resourceVersion=' + metadata.resourceVersion, () => {}));
`;

export async function prepareSite(): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-operator-'));
  const program = join(folder, 'program');
  await cp(join(ROOT, 'dist'), program, { recursive: true });
  await fillCompileCache(program);
  const tls = await makeTls();
  await writeFile(join(folder, 'ca.crt'), tls.ca);
  await writeFile(
    join(folder, 'token'),
    'the proxy before the API server has credentials of its own',
  );
  const { entrypoint, env } = readImage();
  const here = (text: string): string => text.replace(PROGRAM, program);
  const [, ...args] = entrypoint.map(here);
  const fromImage = Object.entries(env).map(([name, value]) => [name, here(value)]);
  const fromChart = await chartEnvironment();
  const run = (all: readonly string[], added: Readonly<Record<string, string>>): SiteProcess =>
    spawn(process.execPath, all, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...fromChart, ...added },
    });
  return {
    tls,
    operator(server) {
      const { hostname, port } = new URL(server);
      const flags = [
        ...['--service-account-dir', folder],
        ...['--health-address', '127.0.0.1:0'],
        ...['--serving-port', '0'],
      ];
      return run([...args, 'operator', ...flags], {
        ...Object.fromEntries(fromImage),
        POD_NAMESPACE: 'default',
        KUBERNETES_SERVICE_HOST: hostname,
        KUBERNETES_SERVICE_PORT: port,
      });
    },
    floor: (server) => run(['-e', FLOOR, folder, server], {}),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function makeTls(): Promise<ServerTls> {
  const now = new Date();
  const authority = await createCertificateAuthority({ commonName: 'ca', validityDays: 1, now });
  const pair = await issueCertificate(authority, {
    commonName: 'api',
    dnsNames: [],
    ipAddresses: ['127.0.0.1'],
    uris: [],
    validityDays: 1,
    now,
  });
  return { ca: authority.certificate, cert: pair.certificate, key: pair.key };
}

interface Deployment {
  readonly kind: string;
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly [
          { readonly env: readonly { readonly name: string; readonly value?: string }[] },
        ];
      };
    };
  };
}

/** The variables with a fixed value in the Deployment that the chart makes. */
async function chartEnvironment(): Promise<Record<string, string>> {
  const objects = loadAll(
    await readFile(join(ROOT, 'deploy/operator.yaml'), 'utf8'),
  ) as Deployment[];
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  if (deployment === undefined) throw new Error('deploy/operator.yaml has no Deployment');
  const { env } = deployment.spec.template.spec.containers[0];
  return Object.fromEntries(
    env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])),
  );
}
