/** Three etcd members beside ours, with their default settings; loaded by a program written in C, never by Node. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { assets, skip } from '../../control-plane.ts';
import { eventually } from '../../eventually.ts';
import { freePorts } from '../../free-ports.ts';
import { Latencies } from './latencies.ts';
import type { LoadResult } from './member.ts';

const PUT = '/etcdserverpb.KV/Put';
const STATUS = '/etcdserverpb.Maintenance/Status';
const VALUE_BYTES = 256;

/** Why etcd cannot be measured here, or undefined when it can. */
export function etcdMissing(): string | undefined {
  if (skip !== false) return `${skip}: run setup-envtest`;
  if (!existsSync(join(assets, 'etcd'))) return `there is no etcd in ${assets}`;
  return undefined;
}

/** Why nothing can load etcd here, or undefined. */
export async function loaderMissing(): Promise<string | undefined> {
  try {
    await promisify(execFile)('h2load', ['--version']);
    return undefined;
  } catch {
    return 'h2load is not installed (Debian: nghttp2-client)';
  }
}

/** One field of protobuf's wire format that holds bytes. */
function bytesField(number: number, value: Uint8Array): Buffer {
  const length =
    value.length < 128 ? [value.length] : [(value.length & 127) | 128, value.length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), value]);
}

function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

const PUT_BODY = framed(
  Buffer.concat([bytesField(1, Buffer.from('key')), bytesField(2, Buffer.alloc(VALUE_BYTES, 7))]),
);

/** Numbers by field of a protobuf message; what is not a number is left out, or descended into by the caller. */
function fieldsOf(message: Buffer): Map<number, number | Buffer> {
  const fields = new Map<number, number | Buffer>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const value = varint();
    if (key % 8 === 0) fields.set(key >> 3, value);
    else fields.set(key >> 3, message.subarray(at, (at += value)));
  }
  return fields;
}

export class EtcdMember {
  readonly id: string;
  readonly child: ChildProcess;
  readonly url: string;
  #session: ClientHttp2Session | undefined;

  constructor(id: string, url: string, args: readonly string[]) {
    this.id = id;
    this.url = url;
    this.child = spawn(join(assets, 'etcd'), args, {
      stdio: 'ignore',
    });
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** One put; the term it was answered in. */
  async put(): Promise<number> {
    const header = (await this.#call(PUT, PUT_BODY)).get(1) as Buffer;
    return fieldsOf(header).get(4) as number;
  }

  async status(): Promise<{ leader: number; self: number; applied: number }> {
    const status = await this.#call(STATUS, framed(Buffer.alloc(0)));
    const self = fieldsOf(status.get(1) as Buffer).get(2) as number;
    return {
      self,
      leader: (status.get(4) as number | undefined) ?? 0,
      applied: status.get(7) as number,
    };
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.#session?.destroy();
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    await exited;
  }

  /** A call without a gRPC library: what it answers, by field. */
  async #call(path: string, body: Buffer): Promise<Map<number, number | Buffer>> {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) {
      this.#session = connect(this.url).on('error', () => undefined);
    }
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const parts: Buffer[] = [];
    let status: unknown;
    stream.on('response', (headers) => (status = headers['grpc-status']));
    stream.on('trailers', (headers) => (status = headers['grpc-status']));
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.end(body);
    await once(stream, 'close');
    if (status !== '0') throw new Error(`etcd answered ${String(status)}`);
    return fieldsOf(Buffer.concat(parts).subarray(5));
  }
}

export class Etcd {
  readonly members = new Map<string, EtcdMember>();
  readonly #folder: string;
  readonly #clientPorts: Readonly<Record<string, number>>;
  readonly #peerPorts: Readonly<Record<string, number>>;

  private constructor(folder: string, ports: readonly number[]) {
    this.#folder = folder;
    const [c1, c2, c3, p1, p2, p3] = ports as [number, number, number, number, number, number];
    this.#clientPorts = { e1: c1, e2: c2, e3: c3 };
    this.#peerPorts = { e1: p1, e2: p2, e3: p3 };
  }

  static async start(): Promise<Etcd> {
    const etcd = new Etcd(await mkdtemp(join(tmpdir(), 'bench-etcd-')), await freePorts(6));
    for (const id of Object.keys(etcd.#clientPorts)) etcd.startMember(id);
    await etcd.leader();
    return etcd;
  }

  startMember(id: string): void {
    const url = `http://127.0.0.1:${this.#clientPorts[id]}`;
    const peerUrl = `http://127.0.0.1:${this.#peerPorts[id]}`;
    const cluster = Object.entries(this.#peerPorts).map(([n, p]) => `${n}=http://127.0.0.1:${p}`);
    const member = new EtcdMember(id, url, [
      ...['--name', id, '--data-dir', join(this.#folder, id), '--log-level', 'error'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', cluster.join(), '--initial-cluster-state', 'new'],
    ]);
    this.members.set(id, member);
  }

  /** The member that leads and that all agree on, with everyone up to date with it. */
  leader(): Promise<EtcdMember> {
    return eventually(
      'one etcd leader for all',
      async () => {
        const members = [...this.members.values()];
        const all = await Promise.all(members.map((member) => member.status()));
        const leader = members.find((_, i) => all[i]?.self === all[i]?.leader);
        const agreed = all.every(
          (one) => one.leader === all[0]?.leader && one.applied === all[0]?.applied,
        );
        return agreed ? leader : undefined;
      },
      60_000,
    );
  }

  followers(leader: EtcdMember): EtcdMember[] {
    return [...this.members.values()].filter((member) => member !== leader);
  }

  get pids(): number[] {
    return [...this.members.values()].map(({ pid }) => pid);
  }

  /** Keeps `inFlight` puts of 256 B at the leader under way for `ms`. */
  async load(inFlight: number, ms: number): Promise<LoadResult> {
    const { url } = await this.leader();
    const body = join(this.#folder, 'put');
    const log = join(this.#folder, 'load.log');
    await writeFile(body, PUT_BODY);
    await rm(log, { force: true });
    // A few connections with many streams each: faster for etcd than as many connections as puts.
    const clients = Math.min(inFlight, 16);
    await promisify(execFile)('h2load', [
      ...['-c', String(clients), '-m', String(Math.ceil(inFlight / clients)), '-t', '1'],
      ...['-D', `${Math.round(ms)}ms`, '--log-file', log, '-d', body],
      ...['-H', 'content-type: application/grpc', '-H', 'te: trailers', `${url}${PUT}`],
    ]);
    const lines = (await readFile(log, 'utf8')).trimEnd().split('\n');
    const times = lines.map((line) => line.split('\t').map(Number) as [number, number, number]);
    return summarizeLog(times.filter(([, status]) => status === 200));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.members.values()].map((member) => member.end('SIGKILL')));
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Rows of h2load's log: microseconds of the start, status, microseconds taken. */
function summarizeLog(rows: readonly (readonly [number, number, number])[]): LoadResult {
  let [first, last] = [Infinity, 0];
  for (const [start, , took] of rows) {
    first = Math.min(first, start);
    last = Math.max(last, start + took);
  }
  const latencies = new Latencies();
  for (const [, , took] of rows) latencies.add(took / 1000);
  return {
    committed: rows.length,
    failed: 0,
    perSecond: (rows.length * 1_000_000) / (last - first),
    p50Ms: latencies.quantile(0.5),
    p99Ms: latencies.quantile(0.99),
    maxMs: latencies.quantile(1),
  };
}
