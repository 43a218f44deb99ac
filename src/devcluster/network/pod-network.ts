/**
 * Plays a pod's network namespace for a Node program; loaded by `NODE_OPTIONS=--import`. Listening on a wildcard or on
 * localhost, and connecting to localhost, mean the pod's own address; cluster addresses are swapped for their loopback
 * twins at the socket, so that the program only ever sees what it would see on a real cluster; names of Services and
 * pods resolve from the node's hosts file. Without a pod address (a program outside every pod) only cluster addresses
 * and names are handled.
 */
import dgram from 'node:dgram';
import dns from 'node:dns';
import { readFileSync, statSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { isClusterAddress, twinOf } from './addresses.ts';
import { mountServiceAccount } from './pod-files.ts';

/** The variables a kubelet sets; also what `network/environment.ts` writes. */
const podAddress = process.env['MCP_DEV_POD_ADDRESS'];
const hostsFile = process.env['MCP_DEV_HOSTS_FILE'];
const namespace = process.env['MCP_DEV_NAMESPACE'] ?? 'default';
const serviceAccount = process.env['MCP_DEV_SERVICE_ACCOUNT'];

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;
type LookupCallback = (error: Error | null, address?: unknown, family?: number) => void;
interface Options {
  [name: string]: unknown;
  host?: string;
  port?: unknown;
  path?: unknown;
  lookup?: unknown;
}

const WILDCARD = new Set(['', '0.0.0.0', '::', '::0', '[::]']);
const LOCALHOST = new Set(['localhost', '127.0.0.1', '::1', '[::1]']);

/** Where a connection to `host` really goes; a name other than localhost is left to the lookup. */
function connectHost(host: string | undefined): string | undefined {
  const name = host ?? 'localhost';
  if (podAddress !== undefined && (LOCALHOST.has(name) || WILDCARD.has(name)))
    return twinOf(podAddress);
  return isClusterAddress(name) ? twinOf(name) : host;
}

/** Where a listener on `host` really stands. */
function listenHost(host: string | undefined): string | undefined {
  const name = host ?? '';
  if (podAddress !== undefined && (WILDCARD.has(name) || LOCALHOST.has(name)))
    return twinOf(podAddress);
  return isClusterAddress(name) ? twinOf(name) : host;
}

let table: ReadonlyMap<string, readonly string[]> = new Map();
let tableVersion = '';

/** The hosts file, read again when it was replaced. */
function hosts(): ReadonlyMap<string, readonly string[]> {
  if (hostsFile === undefined) return table;
  try {
    const { mtimeMs, ino, size } = statSync(hostsFile);
    const version = `${mtimeMs}/${ino}/${size}`;
    if (version !== tableVersion) {
      const names = (
        JSON.parse(readFileSync(hostsFile, 'utf8')) as { names: Record<string, string[]> }
      ).names;
      table = new Map(Object.entries(names));
      tableVersion = version;
    }
  } catch {
    // A node that is just starting has not written it yet: the last known names stay valid.
  }
  return table;
}

/** Addresses of a cluster name; an empty list when the cluster knows no such name; undefined for a name outside. */
function resolveClusterName(hostname: string): readonly string[] | undefined {
  const name = hostname
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/\.cluster\.local$/, '');
  if (name.endsWith('.svc')) return hosts().get(name) ?? [];
  if (net.isIP(name) !== 0 || name === 'localhost') return undefined;
  return hosts().get(`${name}.${namespace}.svc`) ?? hosts().get(`${name}.svc`);
}

function notFound(hostname: string): Error {
  const error = new Error(`getaddrinfo ENOTFOUND ${hostname}`);
  return Object.assign(error, {
    code: 'ENOTFOUND',
    errno: -3008,
    syscall: 'getaddrinfo',
    hostname,
  });
}

const realLookup = dns.lookup as unknown as AnyFunction;
const realPromiseLookup = dns.promises.lookup as unknown as AnyFunction;

function lookup(
  this: unknown,
  hostname: string,
  options: unknown,
  callback?: LookupCallback,
): unknown {
  const done = (typeof options === 'function' ? options : callback) as LookupCallback;
  const found = typeof hostname === 'string' ? resolveClusterName(hostname) : undefined;
  if (found === undefined)
    return realLookup.call(
      this,
      hostname,
      ...[options, callback].filter((one) => one !== undefined),
    );
  const all =
    typeof options === 'object' && options !== null && (options as { all?: boolean }).all === true;
  process.nextTick(() => {
    if (found.length === 0) done(notFound(hostname));
    else if (all)
      done(
        null,
        found.map((address) => ({ address, family: 4 })),
      );
    else done(null, found[0], 4);
  });
  return {};
}

async function promiseLookup(this: unknown, hostname: string, options?: unknown): Promise<unknown> {
  const found = typeof hostname === 'string' ? resolveClusterName(hostname) : undefined;
  if (found === undefined) return realPromiseLookup.call(this, hostname, options);
  if (found.length === 0) throw notFound(hostname);
  const addresses = found.map((address) => ({ address, family: 4 }));
  const all =
    typeof options === 'object' && options !== null && (options as { all?: boolean }).all === true;
  return all ? addresses : addresses[0];
}

/** The lookup of one connection: whatever a name resolves to, the socket goes to the twin. */
function twinLookup(given: unknown): AnyFunction {
  const resolve = (typeof given === 'function' ? given : dns.lookup) as unknown as AnyFunction;
  return function (this: unknown, hostname, options, callback) {
    const done = callback as LookupCallback;
    return resolve.call(
      this,
      hostname,
      options,
      (error: Error | null, address: unknown, family?: number) => {
        if (Array.isArray(address))
          done(
            error,
            address.map((one: { address: string }) => ({ ...one, address: twinOf(one.address) })),
          );
        else done(error, typeof address === 'string' ? twinOf(address) : address, family);
      },
    );
  };
}

function patchConnect(): void {
  const prototype = net.Socket.prototype as unknown as { connect: AnyFunction };
  const real = prototype.connect;
  prototype.connect = function (this: unknown, ...args: unknown[]): unknown {
    const [first, second, ...rest] = args;
    // net.connect passes one array [options, callback] that it marked as already normalized: keep the mark.
    if (Array.isArray(first)) {
      first[0] = connectOptions(first[0] as Options);
      return real.apply(this, args);
    }
    if (typeof first === 'object' && first !== null)
      return real.apply(
        this,
        [connectOptions(first as Options), second, ...rest].slice(0, args.length),
      );
    if (typeof first === 'string' && Number.isNaN(Number(first))) return real.apply(this, args);
    const host = typeof second === 'string' ? second : undefined;
    const options = connectOptions({ port: first, ...(host === undefined ? {} : { host }) });
    return real.call(this, options, ...args.slice(1).filter((one) => typeof one === 'function'));
  };
}

function connectOptions(options: Options): Options {
  if (options.path !== undefined && options.path !== null && options.port === undefined)
    return options;
  const host = connectHost(options.host);
  const copy: Options = { ...options, lookup: twinLookup(options.lookup) };
  if (host !== undefined) copy.host = host;
  return copy;
}

function patchListen(): void {
  const prototype = net.Server.prototype as unknown as { listen: AnyFunction };
  const real = prototype.listen;
  prototype.listen = function (this: unknown, ...args: unknown[]): unknown {
    return real.apply(this, listenArguments(args));
  };
}

/** The arguments of `listen` with the host replaced; handles and unix paths stay as they are. */
function listenArguments(args: unknown[]): unknown[] {
  const [first, second, ...rest] = args;
  if (typeof first === 'object' && first !== null && !('_handle' in first) && !('fd' in first)) {
    const options = first as Options;
    if (options.path !== undefined && options.port === undefined) return args;
    const host = listenHost(options.host);
    return host === undefined
      ? args
      : [{ ...options, host }, second, ...rest].slice(0, args.length);
  }
  const isPort =
    first === undefined ||
    first === null ||
    typeof first === 'number' ||
    (typeof first === 'string' && /^\d+$/.test(first));
  if (typeof first === 'function')
    return podAddress === undefined ? args : [0, listenHost(undefined), first];
  if (!isPort) return args;
  if (typeof second === 'string') return [first, listenHost(second), ...rest];
  const host = listenHost(undefined);
  if (host === undefined) return args;
  const others =
    typeof second === 'number'
      ? [second, ...rest]
      : args.slice(1).filter((one) => one !== undefined && one !== null);
  return [first ?? 0, host, ...others];
}

function patchDatagram(): void {
  const prototype = dgram.Socket.prototype as unknown as { bind: AnyFunction; send: AnyFunction };
  const { bind, send } = prototype;
  prototype.bind = function (this: unknown, ...args: unknown[]): unknown {
    const [first, second, ...rest] = args;
    const host = (given?: unknown): string | undefined =>
      listenHost(typeof given === 'string' ? given : undefined);
    if (typeof first === 'object' && first !== null && !('fd' in first)) {
      const options = first as Options & { address?: string };
      const address = host(options.address);
      return bind.apply(this, [
        address === undefined ? options : { ...options, address },
        ...args.slice(1),
      ]);
    }
    if (typeof first === 'function' || first === undefined)
      return bind.call(
        this,
        0,
        host() ?? '0.0.0.0',
        ...args.filter((one) => typeof one === 'function'),
      );
    const address = host(second);
    if (address === undefined) return bind.apply(this, args);
    return bind.call(this, first, address, ...(typeof second === 'string' ? rest : args.slice(1)));
  };
  prototype.send = function (this: unknown, ...args: unknown[]): unknown {
    const swapped = args.map((one, index) =>
      index > 0 && typeof one === 'string' ? (connectHost(one) ?? one) : one,
    );
    return send.apply(this, swapped);
  };
}

patchConnect();
patchListen();
patchDatagram();
if (serviceAccount !== undefined) mountServiceAccount(serviceAccount);
(dns as unknown as { lookup: unknown }).lookup = lookup;
(dns.promises as unknown as { lookup: unknown }).lookup = promiseLookup;
syncBuiltinESMExports();
