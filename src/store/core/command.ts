/** The commands of the replicated log and their wire form: JSON arrays behind a version number. */
import { err, ok, unreachable, type Result } from '../../std/index.ts';
import type { Compare, Operation, Selector } from './model.ts';
import { list, number, oneOf, text, type Wire } from './wire.ts';

/** What a log entry asks of the state machine. */
export type CommandBody =
  | {
      readonly type: 'txn';
      readonly compare: readonly Compare[];
      readonly success: readonly Operation[];
      readonly failure: readonly Operation[];
    }
  | { readonly type: 'grant'; readonly ttlMs: number }
  | { readonly type: 'revoke'; readonly lease: number }
  /** Decided by the leader of `term`; in another term it does nothing, because the new leader restarted the leases. */
  | { readonly type: 'expire'; readonly leases: readonly number[]; readonly term: number }
  | { readonly type: 'compact'; readonly revision: number };

export interface Command {
  /** Unique per proposal; every retry of one proposal carries the same. */
  readonly proposal: string;
  /** Log index the proposer had applied when it first proposed: bounds how long the proposal must be remembered. */
  readonly base: number;
  readonly body: CommandBody;
}

export const COMMAND_VERSION = 1;

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder('utf-8', { fatal: true });

export type DecodeFailure =
  | { readonly reason: 'unknown-version'; readonly version: unknown }
  | { readonly reason: 'malformed'; readonly detail: string };

/** The bytes of a command; they mean the same to every node that knows {@link COMMAND_VERSION}. */
export function encodeCommand(command: Command): Uint8Array {
  const { proposal, base, body } = command;
  return ENCODER.encode(JSON.stringify([COMMAND_VERSION, proposal, base, ...encodeBody(body)]));
}

function encodeBody(body: CommandBody): Wire {
  switch (body.type) {
    case 'txn':
      return [
        't',
        body.compare.map((c) => [c.key, c.target, c.operator, c.operand]),
        body.success.map(encodeOperation),
        body.failure.map(encodeOperation),
      ];
    case 'grant':
      return ['g', body.ttlMs];
    case 'revoke':
      return ['r', body.lease];
    case 'expire':
      return ['e', body.leases, body.term];
    case 'compact':
      return ['c', body.revision];
    default:
      return unreachable(body);
  }
}

function encodeOperation(operation: Operation): Wire {
  switch (operation.type) {
    case 'put':
      return ['p', operation.key, operation.value, operation.lease ?? 0];
    case 'delete':
      return ['d', ...encodeSelector(operation.selector)];
    case 'get':
      return ['g', ...encodeSelector(operation.selector), operation.limit ?? 0];
    default:
      return unreachable(operation);
  }
}

function encodeSelector(selector: Selector): Wire {
  return 'key' in selector ? [0, selector.key] : [1, selector.prefix];
}

/**
 * The command in `bytes`. A version this program does not know is refused and never skipped: skipping it would let this
 * node's state drift from the others'.
 */
export function decodeCommand(bytes: Uint8Array): Result<Command, DecodeFailure> {
  let wire: unknown;
  try {
    wire = JSON.parse(DECODER.decode(bytes));
    const [version, proposal, base, kind, ...fields] = list(wire);
    if (version !== COMMAND_VERSION) return err({ reason: 'unknown-version', version });
    return ok({
      proposal: text(proposal),
      base: number(base),
      body: decodeBody(text(kind), fields),
    });
  } catch (error) {
    return err({ reason: 'malformed', detail: (error as Error).message });
  }
}

function decodeBody(kind: string, fields: Wire): CommandBody {
  switch (kind) {
    case 't':
      return {
        type: 'txn',
        compare: list(fields[0]).map(decodeCompare),
        success: list(fields[1]).map(decodeOperation),
        failure: list(fields[2]).map(decodeOperation),
      };
    case 'g':
      return { type: 'grant', ttlMs: number(fields[0]) };
    case 'r':
      return { type: 'revoke', lease: number(fields[0]) };
    case 'e':
      return { type: 'expire', leases: list(fields[0]).map(number), term: number(fields[1]) };
    case 'c':
      return { type: 'compact', revision: number(fields[0]) };
    default:
      throw new TypeError(`unknown command ${kind}`);
  }
}

const OPERATORS = ['=', '!=', '<', '>'] as const;
const NUMBER_TARGETS = ['version', 'createRevision', 'modRevision', 'lease'] as const;

function decodeCompare(wire: unknown): Compare {
  const [key, target, operator, operand] = list(wire);
  const common = { key: text(key), operator: oneOf(OPERATORS, operator) };
  return target === 'value'
    ? { ...common, target, operand: text(operand) }
    : { ...common, target: oneOf(NUMBER_TARGETS, target), operand: number(operand) };
}

function decodeOperation(wire: unknown): Operation {
  const [kind, first, second, third] = list(wire);
  switch (kind) {
    case 'p':
      return { type: 'put', key: text(first), value: text(second), lease: number(third) };
    case 'd':
      return { type: 'delete', selector: decodeSelector(first, second) };
    case 'g': {
      const limit = number(third);
      const selector = decodeSelector(first, second);
      return limit === 0 ? { type: 'get', selector } : { type: 'get', selector, limit };
    }
    default:
      throw new TypeError(`unknown operation ${String(kind)}`);
  }
}

function decodeSelector(kind: unknown, value: unknown): Selector {
  return kind === 0 ? { key: text(value) } : { prefix: text(value) };
}
