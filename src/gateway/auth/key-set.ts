/** The public keys of an issuer (JWKS), fetched when needed, and kept for a while when they cannot be fetched again. */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { Agent, fetch, type Dispatcher } from 'undici';
import { withinTime, type Clock } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';

export interface KeySetOptions {
  readonly uri: string;
  /** PEM of the authority that its server must be signed by; one of the usual ones when undefined. */
  readonly ca: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface KeySet {
  /** Rejects with {@link KeysUnavailable} when the keys cannot be had, else as `jose` does. */
  readonly keyOf: JWTVerifyGetKey;
}

export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
}

/** Keys older than this are fetched anew, behind the requests. */
const REFRESH_AFTER_MS = 300_000;
/** How long keys are good that cannot be fetched anew: what an outage of the issuer may last. */
const STALE_MAX_MS = 3_600_000;
/** Between two fetches: whoever sends made-up key ids must not make us flood the issuer. */
const COOLDOWN_MS = 10_000;
const FETCH_TIMEOUT_MS = 5_000;
const KEY_SET_BYTES_MAX = 2 ** 20;

export function createKeySet({ uri, ca, clock, logger }: KeySetOptions): KeySet {
  const dispatcher = new Agent(ca === undefined ? {} : { connect: { ca } });
  let keys: JWTVerifyGetKey | undefined;
  let fetchedAt = -Infinity;
  let attemptedAt = -Infinity;
  let failed = false;
  let running: Promise<void> | undefined;

  const attempt = async (): Promise<void> => {
    attemptedAt = clock.monotonic();
    try {
      keys = createLocalJWKSet(
        await withinTime(clock, FETCH_TIMEOUT_MS, (signal) =>
          fetchKeySet(uri, { dispatcher, signal }),
        ),
      );
      fetchedAt = clock.monotonic();
      failed = false;
    } catch (error) {
      failed = true;
      logger.warn('keys of the issuer not available', { uri, problem: describe(error) });
    } finally {
      running = undefined;
    }
  };
  const refresh = async (): Promise<void> => {
    if (running === undefined && clock.monotonic() - attemptedAt < COOLDOWN_MS) return;
    await (running ??= attempt());
  };
  const current = async (): Promise<JWTVerifyGetKey> => {
    const age = clock.monotonic() - fetchedAt;
    if (age >= STALE_MAX_MS) await refresh();
    else if (age >= REFRESH_AFTER_MS) void refresh();
    if (keys === undefined || clock.monotonic() - fetchedAt >= STALE_MAX_MS)
      throw new KeysUnavailable(`no keys from ${uri}`);
    return keys;
  };

  return {
    async keyOf(header, token) {
      const find = await current();
      try {
        return await find(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      }
      // A key we have not seen: the issuer may have begun to use a new one.
      await refresh();
      if (failed) throw new KeysUnavailable(`no new keys from ${uri}`);
      return (await current())(header, token);
    },
  };
}

async function fetchKeySet(
  uri: string,
  options: { readonly dispatcher: Dispatcher; readonly signal: AbortSignal },
): Promise<JSONWebKeySet> {
  const { protocol, hostname } = new URL(uri);
  if (protocol !== 'https:' && !isLoopback(hostname))
    throw new Error('the address of the keys must begin with https://');
  const response = await fetch(uri, {
    ...options,
    redirect: 'error',
    headers: { accept: 'application/jwk-set+json, application/json' },
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  }
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > KEY_SET_BYTES_MAX) throw new Error(`longer than ${KEY_SET_BYTES_MAX} bytes`);
  }
  return JSON.parse(text) as JSONWebKeySet;
}

const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);

/** The innermost reason: `fetch` itself only says that it failed. */
function describe(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
