/**
 * One request of a client over all its attempts: looks the session up again, has it taken over when its owner is gone,
 * repeats what may be repeated, and says what was lost.
 */
import { createBackoff, delay, withinTime, type Clock, type Random } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { ResolvedTiming } from '../config.ts';
import { refusalTraits } from '../core/refusal.ts';
import type { ClaimReason } from '../core/types.ts';
import type { GatewayEvents } from '../events.ts';
import { refused, type Exchange, type PlainReply, type Refusal, type Reply } from '../exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { clientHeaders } from '../owner/backend-headers.ts';
import type { RetryBudget } from '../core/retry-budget.ts';
import { waitForRetry } from '../health/retry-permit.ts';
import type { KnownTools } from '../known-tools.ts';
import type { Cluster, SessionRecord, Sessions } from '../ports.ts';
import { timeLeft } from '../admission/deadline.ts';
import { answerLost, answerNotFound, answerUnavailable } from './lost-request.ts';
import { settleLostStream, type FetchPast } from './lost-stream.ts';
import type { AttemptReply, TryOnce } from './route.ts';

export interface FailoverOptions {
  readonly sessions: Sessions;
  readonly cluster: Cluster;
  readonly timing: ResolvedTiming;
  readonly metrics: GatewayMetrics;
  readonly events: GatewayEvents;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly tryOnce: TryOnce;
  readonly fetchPast: FetchPast;
  readonly knownTools: KnownTools;
  readonly budget: RetryBudget;
}

/** The state of one request over all its attempts. */
export interface Pursuit {
  readonly exchange: Exchange;
  readonly sessionId: string;
  record: SessionRecord | undefined;
  op: 'initialize' | 'post' | 'get' | 'resume' | 'delete';
  avoid: Set<string>;
  released: { readonly epoch: number; readonly reason: ClaimReason } | undefined;
  /** Last event id the client got, once a stream is open. */
  lastEventId: string | undefined;
  /** The copies of the stream have been looked at. */
  settled: boolean;
  /** The MCP server may have seen the request. */
  sent: boolean;
  /** The next owner said that repeating it does no harm, or is being asked until then; undefined as long as nobody was. */
  harmless: true | { readonly askUntil: number } | undefined;
}

/** A client hears of a lost request within a second, so the next owner has not long to find out more. */
const ASK_MS = 700;
/** How long the store may take to say who owns a session now; without its word, what is known here has to do. */
const LOOK_AGAIN_MS = 1_000;

/** Attempts until there is an answer; after `timeoutMs` the answer is an error. */
export async function pursue(
  options: FailoverOptions,
  pursuit: Pursuit,
  timeoutMs: number,
): Promise<Reply> {
  const { clock, metrics } = options;
  const { signal } = pursuit.exchange;
  const deadline = clock.monotonic() + timeoutMs;
  const backoff = createBackoff({ initialMs: 10, maxMs: 250 }, options.random);
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    if (attempt > 0) metrics.retries.inc();
    const asking = isAsking(pursuit);
    // What the server may have seen is sent again only while few others are.
    const isAgain = pursuit.sent && pursuit.op === 'post' && !asking;
    const release = isAgain ? await waitForRetry(options, deadline, signal) : undefined;
    if (isAgain && release === undefined) return answerUnavailable(pursuit);
    const trying = attemptOnce(options, pursuit);
    const { node, reply } = await (release === undefined ? trying : trying.finally(release));
    signal.throwIfAborted();
    if (reply.type !== 'refused') {
      if (!asking) return reply;
      pursuit.harmless = true;
      continue;
    }
    const verdict = await afterRefusal(options, pursuit, reply, node);
    if (verdict !== 'again') return verdict;
    if (clock.monotonic() > deadline) return answerUnavailable(pursuit);
    if (refusalTraits(reply.code).wait || attempt > 2) await delay(clock, backoff.next(), signal);
  }
}

const isAsking = ({ harmless }: Pursuit): boolean => typeof harmless === 'object';

/** One pod's answer, or what can be said without asking one. */
async function attemptOnce(options: FailoverOptions, pursuit: Pursuit): Promise<AttemptReply> {
  const settled = await settleLostStream(options, pursuit);
  if (settled !== undefined) return { node: undefined, reply: settled };
  const { exchange, harmless } = pursuit;
  const trying = options.tryOnce(
    {
      op: isAsking(pursuit) ? 'may-repeat' : pursuit.op,
      sessionId: pursuit.sessionId,
      record: pursuit.record,
      avoid: pursuit.avoid,
      released: pursuit.released,
      headers: clientHeaders(exchange.headers),
      principal: exchange.principal.id,
      tenant: exchange.principal.tenant,
      timeoutMs: timeLeft(exchange, options.clock),
      body: exchange.body,
      parsed: exchange.parsed,
      lastEventId: pursuit.lastEventId,
    },
    exchange.signal,
  );
  return typeof harmless === 'object' ? before(options.clock, harmless.askUntil, trying) : trying;
}

/** The answer of a pod that is asked, or that there was none in time. */
async function before(
  clock: Clock,
  until: number,
  trying: Promise<AttemptReply>,
): Promise<AttemptReply> {
  const late = Promise.withResolvers<AttemptReply>();
  const none: AttemptReply = { node: undefined, reply: refused('request-lost', true) };
  const cancel = clock.schedule(Math.max(0, until - clock.monotonic()), () => late.resolve(none));
  return Promise.race([trying, late.promise]).finally(cancel);
}

/** Decides after a refusal: an answer for the client, or another attempt with what was learnt. */
export async function afterRefusal(
  options: FailoverOptions,
  pursuit: Pursuit,
  refusal: Refusal,
  node: string | undefined,
): Promise<PlainReply | 'again'> {
  const traits = refusalTraits(refusal.code);
  if (traits.final) return answerNotFound(pursuit);
  const { record } = pursuit;
  if (refusal.sent) pursuit.sent = true;
  if (node !== undefined && traits.avoid) pursuit.avoid.add(node);
  // Everybody refused once: everybody may be asked again.
  if (node === undefined) pursuit.avoid.clear();
  if (record !== undefined && traits.claim !== undefined)
    pursuit.released = { epoch: record.epoch, reason: traits.claim };
  // A refused connection proves that the process is gone: nobody waits for the lease of a session's owner.
  const isProof = refusal.proof === true && node !== undefined;
  if (isProof) {
    options.cluster.reportRefused(node);
    pursuit.avoid.add(node);
  }
  if (isProof && node === record?.owner.node)
    pursuit.released = { epoch: record.epoch, reason: 'owner-refused' };
  // Before the store is asked for anything: it may have lost its leader with the same pod.
  const verdict = judgeRequest(options, pursuit, refusal);
  if (verdict !== 'again') return verdict;
  // A connection that broke says nothing of the record; the next one shows whether the owner lives.
  const isBroken = refusal.code === 'unreachable' && refusal.sent;
  if (!traits.stale || isProof || isBroken) return 'again';
  return (await lookAgain(options, pursuit)) ?? 'again';
}

/** A request that the MCP server may have seen is repeated only if that does no harm. */
function judgeRequest(
  options: FailoverOptions,
  pursuit: Pursuit,
  refusal: Refusal,
): PlainReply | 'again' {
  if (pursuit.op === 'resume') {
    // Only the connection to the owner broke, or it is gone: its buffer, or the copies of it, have the stream.
    if (refusal.code !== 'request-lost') return 'again';
    pursuit.op = 'post';
  }
  if (pursuit.op !== 'post' || !pursuit.sent) return 'again';
  const { sessionId: id, harmless, exchange } = pursuit;
  if (isAsking(pursuit))
    return refusal.code === 'request-lost' ? answerLost(options, pursuit, refusal.code) : 'again';
  const { parsed, label: method } = exchange;
  // The list may have been read after this request began.
  const record = options.sessions.directory.local(id) ?? pursuit.record;
  const may =
    harmless ?? (parsed === undefined ? false : options.knownTools.mayRepeat(parsed, record));
  if (may === false) return answerLost(options, pursuit, refusal.code);
  if (may === undefined) pursuit.harmless = { askUntil: options.clock.monotonic() + ASK_MS };
  else options.events.emit({ type: 'request-retried', id, method, reason: refusal.code });
  return 'again';
}

async function lookAgain(
  options: FailoverOptions,
  pursuit: Pursuit,
): Promise<PlainReply | undefined> {
  if (pursuit.record === undefined) return undefined;
  try {
    const { directory } = options.sessions;
    const refresh = (signal: AbortSignal) => directory.refresh(pursuit.sessionId, signal);
    const { exchange } = pursuit;
    const record = await withinTime(options.clock, LOOK_AGAIN_MS, refresh, exchange.signal);
    if (record === undefined) return answerNotFound(pursuit);
    pursuit.record = record;
  } catch {
    // The store does not answer: go on with what is known.
    pursuit.record = options.sessions.directory.local(pursuit.sessionId) ?? pursuit.record;
  }
  return undefined;
}
