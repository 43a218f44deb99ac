/** The HTTPS listener as those see it who ask: real sockets, a real certificate. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { systemClock as clock } from '../../../src/host/index.ts';
import {
  createServingListener,
  type ServingAnswer,
  type ServingMaterial,
  type ServingRoute,
} from '../../../src/operator/serving/listener.ts';
import { createCertificateAuthority, issueCertificate } from '../../../src/security/index.ts';
import { createMetrics, silentLogger as logger } from '../../../src/telemetry/index.ts';
import { verifies } from '../../requirements.ts';

const HOST = '127.0.0.1';
const now = new Date();
const authority = await createCertificateAuthority({ commonName: 'it', validityDays: 1, now });
const material = async (): Promise<ServingMaterial> => {
  const names = { dnsNames: [], ipAddresses: [HOST], uris: [] };
  const leaf = { commonName: 'operator', ...names, validityDays: 1, now };
  const { certificate, key } = await issueCertificate(authority, leaf);
  return { cert: certificate, key };
};

async function open(routes: Record<string, ServingRoute>) {
  const metrics = createMetrics();
  const listener = createServingListener({
    ...{ host: HOST, port: 0, material: await material() },
    ...{ routes, clock, logger, metrics },
  });
  const port = await listener.start();
  const begin = (path: string, method = 'POST'): ClientRequest =>
    request({ host: HOST, port, path, method, ca: authority.certificate, agent: false });
  return { listener, metrics, port, begin };
}

async function answerTo(asking: ClientRequest, body = '') {
  asking.end(body);
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  const answer = JSON.parse(await text(response)) as { code?: string; message?: string };
  return { status: response.statusCode, headers: response.headers, ...answer };
}

const echo: ServingRoute = {
  bodyBytesMax: 16,
  answer: async ({ path, remote }, body) => ({
    status: 200,
    body: { code: 'ok', message: `${path} ${remote} ${body.toString()}` },
  }),
};

void suite('HTTPS listener', () => {
  test(verifies('operator.serving-limits'), async (t) => {
    const fails: ServingRoute = {
      bodyBytesMax: 16,
      answer: () => Promise.reject(new Error('secret')),
    };
    const { listener, metrics, begin } = await open({ '/echo': echo, '/fails': fails });
    t.after(() => listener.stop());
    const right = await answerTo(begin('/echo'), 'hello');
    assert.deepEqual([right.status, right.message], [200, `/echo ${HOST} hello`]);
    assert.equal((await answerTo(begin('/echo'), 'x'.repeat(16))).status, 200);
    const rows: readonly [ClientRequest, string, number, string][] = [
      [begin('/echo'), 'x'.repeat(17), 413, 'body-too-large'],
      [begin('/else'), '', 404, 'no-such-path'],
      [begin('/toString'), '', 404, 'no-such-path'],
      [begin('/echo', 'GET'), '', 405, 'method-not-allowed'],
      [begin('/fails'), '', 500, 'internal'],
    ];
    for (const [asking, body, status, code] of rows) {
      const refusal = await answerTo(asking, body);
      assert.deepEqual([refusal.status, refusal.code], [status, code]);
      assert.ok((refusal.message ?? '').length > 10 && !refusal.message?.includes('secret'), code);
    }
    const unannounced = begin('/echo');
    unannounced.setHeader('transfer-encoding', 'chunked');
    unannounced.write('x'.repeat(17));
    assert.equal((await answerTo(unannounced)).status, 413);
    const exposition = await metrics.exposition();
    assert.match(exposition, /serving_requests_total\{path="\/echo",code="200"\} 2/);
    assert.match(exposition, /serving_requests_total\{path="other",code="404"\} 2/);
  });

  test('a renewed certificate is shown from the next connection on', async (t) => {
    const { listener, begin } = await open({ '/echo': echo });
    t.after(() => listener.stop());
    const shown = async (): Promise<string> => {
      const asking = begin('/echo');
      const answered = answerTo(asking);
      const [socket] = (await once(asking, 'socket')) as [TLSSocket];
      await once(socket, 'secureConnect');
      const { fingerprint256 } = socket.getPeerCertificate();
      await answered;
      return fingerprint256;
    };
    const first = await shown();
    assert.equal(await shown(), first);
    listener.setMaterial(await material());
    assert.notEqual(await shown(), first);
  });

  test('what is under way when it stops is answered, nothing new is', async () => {
    const begun = Promise.withResolvers<void>();
    const release = Promise.withResolvers<ServingAnswer>();
    const slow: ServingRoute = {
      bodyBytesMax: 16,
      answer: () => {
        begun.resolve();
        return release.promise;
      },
    };
    const { listener, begin } = await open({ '/slow': slow });
    const answered = answerTo(begin('/slow'));
    await begun.promise;
    const stopped = listener.stop();
    await assert.rejects(answerTo(begin('/slow')), { code: 'ECONNREFUSED' });
    release.resolve({ status: 200, body: { code: 'late' } });
    assert.equal((await answered).code, 'late');
    await stopped;
  });

  test('a port that is taken is told with what to do', async (t) => {
    const { listener, port } = await open({});
    t.after(() => listener.stop());
    const second = createServingListener({
      ...{ host: HOST, port, material: await material(), routes: {} },
      ...{ clock, logger, metrics: createMetrics() },
    });
    await assert.rejects(second.start(), /the port is taken; choose --serving-port/);
  });
});
