/** What pods tell each other about rate limits, as JSON. A peer is authenticated, not trusted to be of our version. */
import { isJsonObject } from '../../mcp/index.ts';
import type { LimitReport, RateRow } from './core/cluster-limit.ts';
import type { RateReport } from './core/rate-group.ts';

export interface RateMessage {
  /** The incarnation that speaks. */
  readonly from: string;
  readonly report: RateReport;
}

/** More than a pod ever sends: beyond, a message is not looked at. */
const LIMITS_MAX = 256;
const ROWS_MAX = 1_024;

export function encodeRates(message: RateMessage): string {
  return JSON.stringify(message);
}

/** Undefined for what is not a message of this version. */
export function decodeRates(text: string): RateMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || typeof value['from'] !== 'string') return undefined;
  const { report } = value;
  if (!isJsonObject(report) || !isJsonObject(report['limits'])) return undefined;
  if (!isCount(report['sequence'])) return undefined;
  const entries = Object.entries(report['limits']);
  if (entries.length > LIMITS_MAX || !entries.every(([, limit]) => isLimit(limit)))
    return undefined;
  return value as unknown as RateMessage;
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;

function isLimit(value: unknown): value is LimitReport {
  if (!isJsonObject(value) || !isCount(value['rest'])) return false;
  const { rows } = value;
  return Array.isArray(rows) && rows.length <= ROWS_MAX && rows.every(isRow);
}

function isRow(value: unknown): value is RateRow {
  if (!Array.isArray(value)) return false;
  const [key, demand, admitted, tokens] = value as unknown[];
  return typeof key === 'string' && isCount(demand) && isCount(admitted) && Number.isFinite(tokens);
}
