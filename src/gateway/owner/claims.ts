/** Takes sessions over: compare-and-swap on the epoch first, so that only one claimant replays, then the replay. */
import { withinTime } from '../../std/index.ts';
import type { ClaimReason } from '../core/types.ts';
import type { GatewayEvents } from '../events.ts';
import { refused, type FlatHeaders, type OwnerRequest, type Refusal } from '../exchange.ts';
import type { Owner, SessionRecord } from '../ports.ts';
import { announceChangedLists } from './lists.ts';
import { createMoveLine, type MoveLine } from './move-line.ts';
import { openServerStream } from './standalone.ts';
import { replaySession } from './replay.ts';
import type { NewSession, OwnerTools, SessionState } from './session-state.ts';

export interface Claims {
  /** The claim of this session that is under way here; `request` waits for it. */
  running(request: OwnerRequest): Promise<SessionState | Refusal> | undefined;
  /** Takes the session over from `request.epoch`; requests of one session share one claim. */
  take(request: OwnerRequest, reason: ClaimReason): Promise<SessionState | Refusal>;
}

export interface ClaimsOptions {
  readonly tools: OwnerTools;
  readonly self: Owner;
  readonly events: GatewayEvents;
  readonly adopt: (session: Omit<NewSession, 'onClose'>) => SessionState;
}

export function createClaims(options: ClaimsOptions): Claims {
  const running = new Map<string, Promise<SessionState | Refusal>>();
  const line = createMoveLine(options.tools.clock);
  const claims: Claims = {
    running(request) {
      const known = running.get(request.sessionId);
      if (known !== undefined && isUrgent(request)) line.hurry(request.sessionId);
      return known;
    },
    take(request, reason) {
      const known = claims.running(request);
      if (known !== undefined) return known;
      const promise = takeTurn(options, line, request, reason).finally(() =>
        running.delete(request.sessionId),
      );
      running.set(request.sessionId, promise);
      return promise;
    },
  };
  return claims;
}

/** A client that only listens does not notice how long its session is on its way. */
const isUrgent = ({ op }: OwnerRequest): boolean => op !== 'get';

async function takeTurn(
  options: ClaimsOptions,
  line: MoveLine,
  request: OwnerRequest,
  reason: ClaimReason,
): Promise<SessionState | Refusal> {
  const over = await line.enter(request.sessionId, isUrgent(request));
  try {
    return await takeOver(options, request, reason);
  } finally {
    over();
  }
}

async function takeOver(
  options: ClaimsOptions,
  request: OwnerRequest,
  reason: ClaimReason,
): Promise<SessionState | Refusal> {
  const { tools, self } = options;
  const { directory } = tools.sessions;
  const startedAt = tools.clock.monotonic();
  if (!(await tools.upstream.waitReady(tools.timing.backendWaitMs)))
    return refused('backend-down', false, 'the MCP server does not answer');
  const before = await directory.find(request.sessionId);
  if (before === undefined) return refused('session-ended', false);
  const { clock, timing } = tools;
  const outcome = await withinTime(clock, timing.commitMs, (limit) =>
    directory.claim(request.sessionId, request.epoch, self, limit),
  );
  if (outcome.type === 'gone') return refused('session-ended', false);
  const count = (result: string): void => tools.metrics.moves.inc({ reason, result });
  if (outcome.type === 'lost') {
    count('lost');
    return refused('claim-lost', false);
  }
  const { record } = outcome;
  const { headers } = request;
  const adopt = mayAdopt(before, self);
  const replay = await withinTime(clock, timing.failoverMs, (signal) =>
    replaySession(tools, { record, headers, adopt, signal }),
  );
  if (replay.type === 'failed') {
    count('failed');
    return refused(replay.code, false, replay.detail);
  }
  const { node: from } = before.owner;
  if (replay.type === 'unfit') {
    count('refused');
    await withinTime(clock, timing.commitMs, (limit) => directory.end(record.id, limit));
    const { why } = replay;
    options.events.emit({ type: 'session-refused', id: record.id, from, to: self.node, why });
    return refused('session-ended', false, why);
  }
  const state = begin(options, record, replay, request.headers);
  if (state === undefined) return refused('claim-lost', false);
  // What the server asks on its own needs a stream from the first request on, not only when the client has come back with its.
  await openServerStream(state);
  if (state.closed !== undefined) return refused(state.closed, false);
  count('moved');
  const durationMs = tools.clock.monotonic() - startedAt;
  tools.metrics.moveSeconds.observe(durationMs / 1000);
  options.events.emit({
    type: 'session-moved',
    id: record.id,
    from,
    to: self.node,
    reason,
    epoch: record.epoch,
    adopted: replay.adopted,
    durationMs,
  });
  return state;
}

/** Serves the session from now on; undefined when somebody has taken it over again while we replayed. */
function begin(
  options: ClaimsOptions,
  record: SessionRecord,
  replay: { readonly backendSessionId: string | undefined; readonly adopted: boolean },
  headers: FlatHeaders,
): SessionState | undefined {
  const { tools } = options;
  const state = options.adopt({ record, backendSessionId: replay.backendSessionId, headers });
  if (tools.sessions.directory.local(record.id)?.epoch !== record.epoch) {
    state.close('not-owner');
    return undefined;
  }
  if (!replay.adopted) {
    announceUpdates(state);
    void announceChangedLists(state);
  }
  rememberBackend(tools, state);
  return state;
}

/** Only a restarted sidecar finds the server of the last owner beside it, with the session perhaps still in its memory. */
function mayAdopt(before: SessionRecord, self: Owner): boolean {
  return before.owner.node === self.node && before.owner.instance !== self.instance;
}

/** What the client subscribed to may have changed while no backend watched. */
function announceUpdates(state: SessionState): void {
  for (const message of state.tools.sessions.planReplay(state.record).notifyClient)
    state.log.append(0, JSON.stringify(message));
}

/** For a sidecar that restarts beside a living server. Losing this write costs a replay, no more. */
function rememberBackend(tools: OwnerTools, state: SessionState): void {
  const { backendSessionId } = state;
  tools.sessions.directory
    .update(state.id, state.epoch, (record) => {
      const { backendSessionId: _last, ...rest } = record;
      return backendSessionId === undefined ? rest : { ...rest, backendSessionId };
    })
    .catch((error: unknown) =>
      tools.logger.warn('backend id not recorded', { session: state.id, error: String(error) }),
    );
}
