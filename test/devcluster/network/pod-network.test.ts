/** The pod network module in real child processes. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import {
  claimNodeNumbers,
  networkVariables,
  podCidrOf,
  podNetworkModuleUrl,
  twinOf,
  type NodeNumbers,
} from '../../../src/devcluster/network/index.ts';
import { verifies } from '../../requirements.ts';

const run = promisify(execFile);
let folder: string;
let numbers: NodeNumbers;
let podA: string;
let podB: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pod-network-'));
  numbers = await claimNodeNumbers(1);
  const range = podCidrOf(numbers.numbers[0] as number);
  podA = range.replace('.0/24', '.11');
  podB = range.replace('.0/24', '.12');
  const names = {
    'web.shop.svc': [podA],
    'none.shop.svc': [],
    'web-0.web.shop.svc': [podA],
  };
  await writeFile(join(folder, 'hosts.json'), JSON.stringify({ names }));
});

after(async () => {
  await numbers.release();
  await rm(folder, { recursive: true, force: true });
});

/** Runs a module's text as a program of a pod (of none without an address) and returns the JSON it prints. */
async function inPod(
  podAddress: string | undefined,
  text: string,
  serviceAccountFolder?: string,
): Promise<unknown> {
  const variables = networkVariables({
    moduleUrl: podNetworkModuleUrl(),
    hostsFile: join(folder, 'hosts.json'),
    ...(podAddress === undefined ? {} : { podAddress }),
    namespace: 'shop',
    serviceAccountFolder,
  });
  const file = join(folder, `${Math.random()}.mjs`);
  await writeFile(file, text);
  const { stdout } = await run(process.execPath, [file], {
    env: { PATH: process.env['PATH'] ?? '', ...variables },
  });
  return JSON.parse(stdout) as unknown;
}

const LISTEN = `
import { createServer } from 'node:net';
import { once } from 'node:events';
async function listen(...args) {
  const server = createServer((socket) => socket.end('hello')).listen(...args);
  await once(server, 'listening');
  return server;
}
`;

test(verifies('devcluster.network-own-address'), async () => {
  const result = (await inPod(
    podA,
    `${LISTEN}
    import { connect } from 'node:net';
    const open = await Promise.all([
      listen(0), listen(), listen(0, '0.0.0.0'), listen(0, 'localhost'), listen({ port: 0 }),
      listen({ port: 0, host: '::' }), listen(0, '127.0.0.1', 5), listen(0, process.env.MCP_DEV_POD_ADDRESS),
    ]);
    const addresses = open.map((server) => server.address().address);
    const { port } = open[0].address();
    const reach = (...args) => new Promise((resolve) => {
      const socket = connect(...args);
      socket.on('data', (data) => resolve(String(data)));
      socket.on('error', (error) => resolve(error.code));
    });
    const answers = await Promise.all([
      reach(port), reach(port, '127.0.0.1'), reach({ port, host: 'localhost' }), reach({ port, host: '::1' }),
      reach(port, process.env.MCP_DEV_POD_ADDRESS),
    ]);
    console.log(JSON.stringify({ addresses, answers }));
    process.exit();`,
  )) as { addresses: string[]; answers: string[] };
  assert.deepEqual(new Set(result.addresses), new Set([twinOf(podA)]));
  assert.deepEqual(result.answers, Array(5).fill('hello'));
});

test('two pods listen on the same port, and neither sees the other as localhost', async () => {
  const both = await Promise.all(
    [podA, podB].map((address) =>
      inPod(
        address,
        `${LISTEN}
        import { connect } from 'node:net';
        const server = await listen(18080);
        const answer = await new Promise((resolve) => connect(18080).on('data', (d) => resolve(String(d))));
        console.log(JSON.stringify([server.address().address, answer]));
        process.exit();`,
      ),
    ),
  );
  assert.deepEqual(both, [
    [twinOf(podA), 'hello'],
    [twinOf(podB), 'hello'],
  ]);
});

test(verifies('devcluster.network-names'), async () => {
  const result = await inPod(
    podA,
    `${LISTEN}
    import dns from 'node:dns';
    import { lookup } from 'node:dns/promises';
    import { request } from 'node:http';
    import { createServer as createHttp } from 'node:http';
    const server = createHttp((req, res) => res.end(req.headers.host)).listen(18081);
    await once(server, 'listening');
    const callback = await new Promise((resolve) => dns.lookup('web.shop.svc', { all: true }, (e, a) => resolve(a)));
    const plain = await new Promise((resolve) => dns.lookup('web', (e, a, family) => resolve([a, family])));
    const missing = await lookup('nobody.shop.svc').catch((error) => error.code);
    const empty = await lookup('none.shop.svc').catch((error) => error.code);
    const names = ['web', 'web.shop', 'web.shop.svc', 'web-0.web.shop.svc.cluster.local', '${podA}'];
    const fetched = await Promise.all(names.map(async (name) => (await fetch('http://' + name + ':18081/')).text()));
    const raw = await new Promise((resolve) => request('http://web.shop.svc:18081', (res) => res.on('data', (d) => resolve(String(d)))).end());
    console.log(JSON.stringify({ callback, plain, missing, empty, fetched, raw }));
    process.exit();`,
  );
  assert.deepEqual(result, {
    callback: [{ address: podA, family: 4 }],
    plain: [podA, 4],
    missing: 'ENOTFOUND',
    empty: 'ENOTFOUND',
    fetched: [
      'web:18081',
      'web.shop:18081',
      'web.shop.svc:18081',
      'web-0.web.shop.svc.cluster.local:18081',
      `${podA}:18081`,
    ],
    raw: 'web.shop.svc:18081',
  });
});

test('a program outside every pod keeps its own localhost and still reaches pods', async () => {
  const result = await inPod(
    undefined,
    `${LISTEN}
    import { lookup } from 'node:dns/promises';
    const own = await listen(0, '127.0.0.1');
    const pod = await listen(0, '${podB}');
    console.log(JSON.stringify([own.address().address, pod.address().address, (await lookup('web.shop.svc')).address]));
    process.exit();`,
  );
  assert.deepEqual(result, ['127.0.0.1', twinOf(podB), podA]);
});

test('datagrams, unix sockets and errors pass through unharmed', async () => {
  const result = await inPod(
    podA,
    `${LISTEN}
    import { createSocket } from 'node:dgram';
    import { connect } from 'node:net';
    const path = '${join(folder, 'socket')}';
    await listen(path);
    const unix = await new Promise((resolve) => connect(path).on('data', (d) => resolve(String(d))));
    const receiver = createSocket('udp4');
    receiver.bind(0);
    await once(receiver, 'listening');
    const sender = createSocket('udp4');
    sender.send('ping', receiver.address().port, '127.0.0.1');
    const [message] = await once(receiver, 'message');
    const refused = await new Promise((resolve) => connect(9, 'localhost').on('error', (e) => resolve(e.code)));
    console.log(JSON.stringify([unix, String(message), receiver.address().address, refused]));
    process.exit();`,
  );
  assert.deepEqual(result, ['hello', 'ping', twinOf(podA), 'ECONNREFUSED']);
});

test(verifies('devcluster.service-account-path'), async () => {
  const mounted = join(folder, 'account');
  await mkdir(mounted);
  await writeFile(join(mounted, 'token'), 'the token');
  const text = `
    import { existsSync, readFileSync } from 'node:fs';
    import { readFile } from 'node:fs/promises';
    import fs from 'node:fs';
    import { promisify } from 'node:util';
    const path = '/var/run/secrets/kubernetes.io/serviceaccount';
    console.log(JSON.stringify([
      existsSync(path),
      existsSync(path + '-other'),
      readFileSync(path + '/token', 'utf8'),
      await readFile(path + '/token', 'utf8'),
      await promisify(fs.readFile)(path + '/token', 'utf8'),
      existsSync(${JSON.stringify(mounted)}),
    ]));`;
  const token = 'the token';
  assert.deepEqual(await inPod(podA, text, mounted), [true, false, token, token, token, true]);
  assert.deepEqual(
    await inPod(
      podA,
      `import fs from 'node:fs';
      console.log(fs.existsSync('/var/run/secrets/kubernetes.io/serviceaccount/token'));`,
    ),
    false,
  );
});
