/**
 * One request of a client over all its attempts: looks the session up again, has it taken over when its owner is gone,
 * repeats what may be repeated, and says what was lost.
 */
import { errorText, MCP_ERRORS, mcpError } from '../../mcp/index.ts';
import { createBackoff, delay, type Clock, type Random } from '../../std/index.ts';
import type { ResolvedTiming } from '../config.ts';
import { refusalTraits } from '../core/refusal.ts';
import type { ClaimReason, RefusalCode } from '../core/types.ts';
import type { GatewayEvents } from '../events.ts';
import { plain, type Exchange, type PlainReply, type Refusal, type Reply } from '../exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { clientHeaders } from '../owner/backend-headers.ts';
import type { RetryBudget } from '../core/retry-budget.ts';
import { waitForRetry } from '../health/retry-permit.ts';
import type { Cluster, SessionRecord, Sessions } from '../ports.ts';
import { timeLeft } from '../admission/deadline.ts';
import { isRepeatable } from '../repeat.ts';
import type { TryOnce } from './route.ts';

export interface FailoverOptions {
  readonly sessions: Sessions;
  readonly cluster: Cluster;
  readonly timing: ResolvedTiming;
  readonly metrics: GatewayMetrics;
  readonly events: GatewayEvents;
  readonly clock: Clock;
  readonly random: Random;
  readonly tryOnce: TryOnce;
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
  /** The MCP server may have seen the request. */
  sent: boolean;
  /** Until then the next owner may find out whether repeating the request does no harm. */
  askUntil: number | undefined;
}

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
    // What the server may have seen is sent again only while few others are.
    const isAgain = pursuit.sent && pursuit.op === 'post';
    const release = isAgain ? await waitForRetry(options, deadline, signal) : undefined;
    if (isAgain && release === undefined) return unavailable(pursuit);
    const { node, reply } = await options
      .tryOnce(
        {
          op: pursuit.op,
          sessionId: pursuit.sessionId,
          record: pursuit.record,
          avoid: pursuit.avoid,
          released: pursuit.released,
          headers: clientHeaders(pursuit.exchange.headers),
          principal: pursuit.exchange.principal.id,
          tenant: pursuit.exchange.principal.tenant,
          timeoutMs: timeLeft(pursuit.exchange, clock),
          body: pursuit.exchange.body,
          parsed: pursuit.exchange.parsed,
          lastEventId: pursuit.lastEventId,
          ifHarmless: pursuit.askUntil !== undefined,
        },
        signal,
      )
      .finally(release);
    signal.throwIfAborted();
    if (reply.type !== 'refused') {
      pursuit.askUntil = undefined;
      return reply;
    }
    const verdict = await afterRefusal(options, pursuit, reply, node);
    if (verdict !== 'again') return verdict;
    if (pursuit.askUntil !== undefined && clock.monotonic() > pursuit.askUntil)
      return lost(options, pursuit, reply.code);
    if (clock.monotonic() > deadline) return unavailable(pursuit);
    if (refusalTraits(reply.code).wait || attempt > 2) await delay(clock, backoff.next(), signal);
  }
}

/** Decides after a refusal: an answer for the client, or another attempt with what was learnt. */
export async function afterRefusal(
  options: FailoverOptions,
  pursuit: Pursuit,
  refusal: Refusal,
  node: string | undefined,
): Promise<PlainReply | 'again'> {
  const traits = refusalTraits(refusal.code);
  if (traits.final) return problem(404, 'sessionNotFound', pursuit.exchange);
  const { record } = pursuit;
  if (refusal.sent) pursuit.sent = true;
  if (node !== undefined && traits.avoid) pursuit.avoid.add(node);
  // Everybody refused once: everybody may be asked again.
  if (node === undefined) pursuit.avoid.clear();
  if (record !== undefined && traits.claim !== undefined)
    pursuit.released = { epoch: record.epoch, reason: traits.claim };
  // A refused connection proves that the process which owned the session is gone: nobody waits for its lease.
  if (record !== undefined && refusal.proof === true && node === record.owner.node) {
    options.cluster.reportRefused(record.owner.node);
    pursuit.released = { epoch: record.epoch, reason: 'owner-refused' };
  }
  const ended = traits.stale ? await lookAgain(options, pursuit) : undefined;
  return ended ?? judgeRequest(options, pursuit, refusal);
}

/** A request that the MCP server may have seen is repeated only if that does no harm. */
function judgeRequest(
  options: FailoverOptions,
  pursuit: Pursuit,
  refusal: Refusal,
): PlainReply | 'again' {
  if (pursuit.op === 'resume') {
    // Only the connection to the owner broke: its buffer still has the stream.
    if (refusal.code === 'unreachable' || refusal.code === 'lease-lost') return 'again';
    pursuit.op = 'post';
  }
  if (pursuit.op !== 'post' || !pursuit.sent) return 'again';
  const { parsed, label } = pursuit.exchange;
  // The list may have been read after this request began.
  const record = options.sessions.directory.local(pursuit.sessionId) ?? pursuit.record;
  const tools = record?.repeatableTools ?? [];
  const fact = { id: pursuit.sessionId, method: label, reason: refusal.code };
  if (parsed !== undefined && isRepeatable(parsed, tools)) {
    options.events.emit({ type: 'request-retried', ...fact });
    return 'again';
  }
  // The client has never asked what its tools are like: the next owner asks its server.
  const unlisted = record?.listDigests?.['tools/list'] === undefined;
  if (
    label === 'tools/call' &&
    unlisted &&
    pursuit.askUntil === undefined &&
    parsed?.batch === false
  ) {
    pursuit.askUntil = options.clock.monotonic() + ASK_MS;
    return 'again';
  }
  const asking = pursuit.askUntil !== undefined && refusal.code !== 'request-lost';
  return asking ? 'again' : lost(options, pursuit, refusal.code);
}

/** A request that was lost is answered with an error within a second, so the next owner has not long to find out more. */
const ASK_MS = 700;

function lost(options: FailoverOptions, pursuit: Pursuit, reason: RefusalCode): PlainReply {
  options.metrics.lost.inc();
  const { sessionId: id, exchange } = pursuit;
  options.events.emit({ type: 'request-failed', id, method: exchange.label, reason });
  return problem(200, 'interrupted', exchange);
}

async function lookAgain(
  options: FailoverOptions,
  pursuit: Pursuit,
): Promise<PlainReply | undefined> {
  if (pursuit.record === undefined) return undefined;
  try {
    const limit = AbortSignal.timeout(options.timing.commitMs);
    const signal = AbortSignal.any([pursuit.exchange.signal, limit]);
    const record = await options.sessions.directory.refresh(pursuit.sessionId, signal);
    if (record === undefined) return problem(404, 'sessionNotFound', pursuit.exchange);
    pursuit.record = record;
  } catch {
    // The store does not answer: go on with what is known.
  }
  return undefined;
}

/** Time is over. A request gets its answer as JSON-RPC, anything else as HTTP. */
function unavailable(pursuit: Pursuit): PlainReply {
  const [first] = pursuit.exchange.parsed?.messages ?? [];
  const asked = first?.kind === 'request' && pursuit.op !== 'initialize';
  return problem(asked ? 200 : 503, 'unavailable', pursuit.exchange);
}

function problem(
  status: number,
  kind: 'interrupted' | 'sessionNotFound' | 'unavailable',
  exchange: Exchange,
): PlainReply {
  const error = mcpError(MCP_ERRORS[kind]);
  const requests = (exchange.parsed?.messages ?? []).filter((item) => item.kind === 'request');
  const texts = requests.map((item) => errorText(error, item.message.id));
  const batch = exchange.parsed?.batch === true && status === 200;
  const body = batch ? `[${texts.join(',')}]` : (texts[0] ?? errorText(error));
  return plain(status, body, status === 503 ? { 'retry-after': '1' } : {});
}
