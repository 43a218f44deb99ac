/** Writes to session records: every one is a compare-and-swap on the revision that was read. */
import { delay, type Clock } from '../std/index.ts';
import type { Entry, LocalCopy } from './local-copy.ts';
import type { KeyValue } from './ports.ts';
import { encodeRecord, type SessionRecord } from './record.ts';

export type UpdateOutcome =
  | { readonly type: 'updated'; readonly record: SessionRecord }
  /** Another epoch owns the session now. */
  | { readonly type: 'superseded'; readonly record: SessionRecord }
  | { readonly type: 'gone' };

export interface RecordWriter {
  /** The record in the store (linearizable); the local copy learns it. */
  read(id: string, signal?: AbortSignal): Promise<Entry | undefined>;
  /** Writes `record` (undefined = delete) if the key is still at `modRevision` (0 = does not exist). */
  swap(
    id: string,
    modRevision: number,
    record: SessionRecord | undefined,
    signal?: AbortSignal,
  ): Promise<boolean>;
  /** Read-modify-write within one epoch: first on the local copy, after a conflict on the store's state. */
  modify(
    id: string,
    epoch: number,
    change: (record: SessionRecord) => SessionRecord,
    signal?: AbortSignal,
  ): Promise<UpdateOutcome>;
  /** Deletes the record, whatever it is; false when there was none. */
  remove(id: string, signal?: AbortSignal): Promise<boolean>;
}

export interface RecordWriterOptions {
  readonly store: KeyValue;
  readonly clock: Clock;
  readonly copy: LocalCopy;
  readonly prefix: string;
  readonly attemptsMax: number;
}

export function createRecordWriter(options: RecordWriterOptions): RecordWriter {
  const { store, clock, copy, attemptsMax } = options;
  const keyOf = (id: string): string => options.prefix + id;
  const tooMany = (): Error => new Error(`${attemptsMax} conflicting writes of a session in a row`);

  const writer: RecordWriter = {
    async read(id, signal) {
      const item = await store.get(keyOf(id), signal);
      return item === undefined ? copy.forget(id) : copy.take(item);
    },
    async swap(id, modRevision, record, signal) {
      const key = keyOf(id);
      const compare = [
        { key, target: 'modRevision', operator: '=', operand: modRevision },
      ] as const;
      if (record === undefined) {
        const deletion = { type: 'delete', selector: { key } } as const;
        const result = await store.txn({ compare, success: [deletion] }, signal);
        if (result.succeeded) copy.absorb(id, undefined, result.revision);
        return result.succeeded;
      }
      const value = encodeRecord(record);
      const written = copy.writing(value, record);
      try {
        const put = { type: 'put', key, value } as const;
        const result = await store.txn({ compare, success: [put] }, signal);
        if (result.succeeded) copy.absorb(id, record, result.revision);
        return result.succeeded;
      } finally {
        written();
      }
    },
    async modify(id, epoch, change, signal) {
      let entry = copy.get(id) ?? (await writer.read(id, signal));
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        // A copy that lags behind our own epoch is no ground for a verdict.
        if (entry !== undefined && entry.record.epoch < epoch)
          entry = await writer.read(id, signal);
        if (entry === undefined) return { type: 'gone' };
        const { record, modRevision } = entry;
        if (record.epoch !== epoch) return { type: 'superseded', record };
        const next = change(record);
        const done = next === record || (await writer.swap(id, modRevision, next, signal));
        if (done) return { type: 'updated', record: next };
        if (attempt > 1) await delay(clock, attempt * 2, signal);
        entry = await writer.read(id, signal);
      }
      throw tooMany();
    },
    async remove(id, signal) {
      let entry = copy.get(id) ?? (await writer.read(id, signal));
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        if (entry === undefined) return false;
        if (await writer.swap(id, entry.modRevision, undefined, signal)) return true;
        entry = await writer.read(id, signal);
      }
      throw tooMany();
    },
  };
  return writer;
}
