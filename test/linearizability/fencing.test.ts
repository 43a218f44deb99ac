/** A lock on a lease is not mutual exclusion: its holder may sleep. What a sleeper does late must not count. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TxnRequest, TxnResult } from '../../src/store/core/model.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { ProcessCluster, type MemberId } from './cluster.ts';
import { MemberConnection } from './connection.ts';

const LOCK = 'lock';
const RESOURCE = 'resource';
const LEASE_MS = 300;
const PATIENCE_MS = 20_000;

/** Takes the lock if nobody has it; the result is its fencing token. */
async function acquire(member: MemberConnection, holder: string): Promise<number | undefined> {
  const granted = await member.request({ op: 'grant', ttlMs: LEASE_MS }, PATIENCE_MS);
  if (granted.outcome !== 'answered' || !('lease' in granted.response)) return undefined;
  const txn = await transact(member, {
    compare: [{ key: LOCK, target: 'version', operator: '=', operand: 0 }],
    success: [{ type: 'put', key: LOCK, value: holder, lease: granted.response.lease }],
  });
  return txn?.succeeded === true ? txn.revision : undefined;
}

async function transact(
  member: MemberConnection,
  request: TxnRequest,
): Promise<TxnResult | undefined> {
  const exchange = await member.request({ op: 'txn', request }, PATIENCE_MS);
  if (exchange.outcome !== 'answered' || !('txn' in exchange.response)) return undefined;
  return exchange.response.txn;
}

/** Writes if the lock is still the one of `token`. */
const fencedWrite = (token: number, value: string): TxnRequest => ({
  compare: [{ key: LOCK, target: 'modRevision', operator: '=', operand: token }],
  success: [{ type: 'put', key: RESOURCE, value }],
});

test(verifies('store.sleeper-cannot-write'), async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'fencing-'));
  const cluster = await ProcessCluster.start({ directory });
  const members = new Map(
    cluster.ids.map((id) => [id, new MemberConnection(cluster.controlPort(id))]),
  );
  t.after(async () => {
    for (const member of members.values()) member.close();
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  const to = (id: MemberId): MemberConnection => members.get(id) as MemberConnection;
  const leader = await cluster.leader();
  const followers = cluster.ids.filter((id) => id !== leader);
  for (const sleeper of [leader, followers[0] as MemberId]) {
    const awake = cluster.ids.find((id) => id !== sleeper) as MemberId;
    const take = (id: MemberId, name: string): Promise<number> =>
      eventually(`${name} to have the lock`, () => acquire(to(id), name), PATIENCE_MS);
    const early = await take(sleeper, 'sleeper');
    assert.equal((await transact(to(sleeper), fencedWrite(early, 'early')))?.succeeded, true);

    // Its next write waits in a process that does not run, while the lease ends and another one takes the lock.
    cluster.pause(sleeper, true);
    const late = transact(to(sleeper), fencedWrite(early, 'late'));
    const token = await take(awake, 'successor');
    assert.ok(token > early);
    const written = await eventually('the successor to write', () =>
      transact(to(awake), fencedWrite(token, `successor of ${sleeper}`)),
    );
    cluster.pause(sleeper, false);
    assert.notEqual((await late)?.succeeded, true);

    const read = { success: [{ type: 'get', selector: { key: RESOURCE } }] } as const;
    const [response] =
      (await eventually('the resource', () => transact(to(sleeper), read))).responses ?? [];
    const item = response?.type === 'get' ? response.items[0] : undefined;
    // The successor's own lease may have ended meanwhile; then its write was refused too.
    assert.equal(item?.value, written.succeeded ? `successor of ${sleeper}` : 'early');
  }
});
