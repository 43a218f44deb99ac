/**
 * The certificate of a pod: asked for with a key that never leaves it, kept on its volume, renewed while it runs. Whoever shows it
 * learns of a new one by `onChange`; connections that are open go on.
 */
import { watch } from 'node:fs';
import { UsageError } from '../../host/index.ts';
import {
  createSigningRequest,
  type CertificateNames,
  type TlsMaterial,
  type TlsSource,
} from '../../security/index.ts';
import {
  createBackoff,
  delay,
  timeText,
  unitedBundle,
  type Clock,
  type Random,
} from '../../std/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import { askOperator, readTrusted, type Answer, type Issued } from './asking.ts';
import { flawOf, keep, readKept, sameAuthorities, type Kept } from './kept.ts';
import { createRenewalRecord, type Renewal, type RenewalRecord } from './renewal.ts';

export interface PodIdentityOptions {
  /** Projected volume with `token`, `ca.crt`, `operator-ca.crt` and `operator-url`. */
  readonly directory: string;
  /** Folder on the volume of the pod. */
  readonly dataRoot: string;
  /** Exactly the names that a pod of this role is given; the URI says who it is. */
  readonly names: CertificateNames;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Gives up waiting for the first certificate. */
  readonly signal?: AbortSignal;
}

/** Between attempts; an operator that starts is there within seconds. */
const RETRY = { initialMs: 100, maxMs: 5_000 };
/** While it waits, it says so this often. */
const TELL_MS = 5_000;
/** A pod that is given a shorter certificate by mistake does not ask all the time. */
const RENEWAL_MIN_MS = 60_000;
/** Longest wait of one timer. */
const TIMER_MS_MAX = 3_600_000;
const HOUR_MS = 3_600_000;
/**
 * When the authorities change, the certificate at hand stays as good as it was: a new authority signs after a day, when everybody
 * trusts it, and the one before it is retired after another day. Pods renew between the two, each at its own moment.
 */
const AFTER_NEW_TRUST = { minMs: 25 * HOUR_MS, spreadMs: 20 * HOUR_MS };

/** The certificate of this pod, as whoever shows it sees it. */
export interface OpenPodIdentity extends TlsSource {
  /** How far its renewal is. */
  renewal(): Renewal | undefined;
  stop(): void;
}

/**
 * Resolves when there is a certificate: at once with the kept one when that is good, otherwise when the operator gives one, however
 * long that takes. Rejects when `signal` aborts first, with a {@link UsageError} that says why there is none.
 */
export async function openPodIdentity(options: PodIdentityOptions): Promise<OpenPodIdentity> {
  const identity = new PodIdentity(options);
  await identity.start();
  return identity;
}

class PodIdentity implements OpenPodIdentity {
  readonly #options: PodIdentityOptions;
  readonly #record: RenewalRecord;
  readonly #listeners = new Set<(material: TlsMaterial) => void>();
  readonly #stopped = new AbortController();
  /** What was mounted when it was last looked at. */
  #mounted: string | undefined;
  #kept: Kept | undefined;
  #material: TlsMaterial | undefined;
  #renewing: Promise<void> | undefined;
  #cancelTimer = (): void => undefined;

  constructor(options: PodIdentityOptions) {
    this.#options = options;
    this.#record = createRenewalRecord(options.metrics, options.clock);
  }

  async start(): Promise<void> {
    const { dataRoot, directory, logger, signal } = this.#options;
    signal?.addEventListener('abort', () => this.stop(), { once: true });
    const kept = await readKept(dataRoot);
    this.#mounted = kept === undefined ? await readTrusted(directory) : kept.trusted;
    const flaw = kept && this.#flaw(kept, await this.#trustedFor(kept));
    if (kept !== undefined && flaw === undefined) {
      this.#show(kept);
      await this.#lookAtTrust();
    } else {
      if (flaw !== undefined) logger.warn('kept certificate is not used', { reason: flaw });
      await this.#renew().catch((error: unknown) => {
        throw this.#unanswered() ?? error;
      });
    }
    const watcher = watch(directory, () => void this.#lookAtTrust());
    watcher.unref();
    this.#stopped.signal.addEventListener('abort', () => watcher.close(), { once: true });
    this.#wait();
  }

  current(): TlsMaterial {
    if (this.#material === undefined) throw new Error('there is no certificate yet');
    return this.#material;
  }

  renewal(): Renewal | undefined {
    return this.#record.current();
  }

  onChange(listener: (material: TlsMaterial) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): void {
    this.#stopped.abort(new Error('stopped'));
    this.#cancelTimer();
  }

  /** A container that is ended while it waits leaves its last words in the status of its pod: they say what it waited for. */
  #unanswered(): UsageError | undefined {
    const failure = this.#record.failure();
    if (!this.#stopped.signal.aborted || failure === undefined) return undefined;
    const { code, message } = failure;
    const next =
      code === 'no-answer'
        ? '; see whether the operator runs, and whether a NetworkPolicy or firewall keeps the pod from its Service'
        : '';
    return new UsageError(`stopped while it had no certificate: ${code}: ${message}${next}`);
  }

  /** Whom to trust: what the pod is told now, and what came with the certificate, which may be newer. */
  async #trustedFor({ trusted }: Pick<Kept, 'trusted'>): Promise<string> {
    return unitedBundle((await readTrusted(this.#options.directory)) ?? '', trusted);
  }

  #flaw(kept: Kept, trusted: string): string | undefined {
    const [uri = ''] = this.#options.names.uris;
    return flawOf(kept, { uri, trusted, now: this.#options.clock.wall() });
  }

  /** What is mounted changed, perhaps: whom to trust is in force at once, and the certificate follows when it has to. */
  async #lookAtTrust(): Promise<void> {
    const mounted = await readTrusted(this.#options.directory);
    const kept = this.#kept;
    if (mounted === undefined || mounted === this.#mounted || kept === undefined) return;
    this.#mounted = mounted;
    if (this.#stopped.signal.aborted || sameAuthorities(mounted, kept.trusted)) return;
    const { clock, random, logger } = this.#options;
    const flaw = this.#flaw(kept, mounted);
    const at = clock.wall() + AFTER_NEW_TRUST.minMs + random.next() * AFTER_NEW_TRUST.spreadMs;
    const renewAfter = flaw === undefined ? Math.min(kept.renewAfter, at) : clock.wall();
    logger.info('trusted authorities changed', { renewAfter: timeText(renewAfter) });
    this.#kept = { ...kept, trusted: mounted, renewAfter };
    await keep(this.#options.dataRoot, this.#kept).catch((error: unknown) => this.#notKept(error));
    // Who signed ours is trusted no more: the others see to it that it is not accepted, so all that helps is another one.
    this.#show(this.#kept);
    this.#wait();
  }

  #notKept(error: unknown): void {
    this.#options.logger.warn('certificate cannot be kept', { error: (error as Error).message });
  }

  #show(kept: Kept): void {
    this.#kept = kept;
    this.#record.inForce(kept);
    const { certificate: cert, key, trusted: ca } = kept;
    const before = this.#material;
    if (before?.cert === cert && before.ca === ca) return;
    this.#material = { ca, cert, key };
    for (const listener of this.#listeners) listener(this.#material);
  }

  #wait(): void {
    this.#cancelTimer();
    if (this.#stopped.signal.aborted || this.#renewing !== undefined) return;
    const { clock } = this.#options;
    const waitMs = Math.max(0, (this.#kept?.renewAfter ?? 0) - clock.wall());
    const next = (): void => {
      if (waitMs > TIMER_MS_MAX) return this.#wait();
      this.#renew().then(
        () => this.#wait(),
        (error: unknown) => this.#notRenewed(error),
      );
    };
    this.#cancelTimer = clock.schedule(Math.min(waitMs, TIMER_MS_MAX), next);
  }

  #notRenewed(error: unknown): void {
    if (this.#stopped.signal.aborted) return;
    const { clock, logger } = this.#options;
    const { message } = error as Error;
    logger.error('certificate not renewed', { error: message });
    this.#record.failed({ code: 'unusable', message });
    this.#cancelTimer = clock.schedule(RENEWAL_MIN_MS, () => this.#wait());
  }

  /** Resolves with a new certificate in force; there is one renewal at a time. */
  #renew(): Promise<void> {
    this.#cancelTimer();
    this.#renewing ??= this.#obtain().finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async #obtain(): Promise<void> {
    const { names, clock, logger, dataRoot } = this.#options;
    // One key and one request until they are answered: an issuer that takes its time knows them again.
    const { key, request } = await createSigningRequest(names);
    const issued = await this.#ask(request);
    const now = clock.wall();
    const renewAfter = Math.max(now + RENEWAL_MIN_MS, Date.parse(issued.renewAfter) || 0);
    const { certificate } = issued;
    const trusted = await this.#trustedFor(issued);
    const kept = { key, certificate, trusted, renewAfter };
    const flaw = this.#flaw(kept, trusted);
    if (flaw !== undefined)
      throw new UsageError(
        `the certificate that was given cannot be used: ${flaw}; see the conditions of the McpCluster`,
      );
    await keep(dataRoot, kept).catch((error: unknown) => this.#notKept(error));
    logger.info('certificate obtained', { renewAfter: timeText(renewAfter) });
    this.#show(kept);
  }

  async #ask(request: string): Promise<Issued> {
    const { directory, clock, random, logger } = this.#options;
    const { signal } = this.#stopped;
    const backoff = createBackoff(RETRY, random);
    let toldAt = -Infinity;
    for (;;) {
      const answer: Answer = await askOperator(directory, request, { clock, signal });
      signal.throwIfAborted();
      if (answer.kind === 'issued') return answer.issued;
      const { code, message: reason } = answer;
      this.#record.failed({ code, message: reason });
      if (clock.monotonic() - toldAt >= TELL_MS) {
        toldAt = clock.monotonic();
        logger.warn('waiting for a certificate from the operator', { code, reason });
      }
      await delay(clock, backoff.next(), signal);
    }
  }
}
