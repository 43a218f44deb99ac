/** Authorities of an issuer through the months. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  admitAuthority,
  AUTHORITIES_MAX,
  trustedOf,
  type TrustLedger,
} from '../../../src/operator/core/index.ts';
import { ISSUER_OVERLAP_MS } from '../../../src/operator/core/trust-ledger.ts';
import { ledgerText, readLedger } from '../../../src/operator/issuer/trust-store.ts';
import { verifies } from '../../requirements.ts';

const DAY_MS = 86_400_000;
const LASTS_MS = 90 * DAY_MS;

/** Admits `certificate` at `now` by a leaf of ninety days. */
function admit(ledger: TrustLedger, certificate: string, now: number) {
  const admission = admitAuthority(ledger, { certificate, leafUntil: now + LASTS_MS }, now);
  assert.ok(admission.kind !== 'tooMany');
  return admission;
}

void suite(verifies('issuer.authority-overlaps'), () => {
  test('the first is used at once', () => {
    const { kind, ledger } = admit([], 'a', 0);
    assert.equal(kind, 'known');
    assert.equal(trustedOf(ledger), 'a');
  });

  test('the next is trusted first and used when everybody has heard of it', () => {
    const { ledger: before } = admit([], 'a', 0);
    const heard = admit(before, 'b', DAY_MS);
    assert.equal(heard.kind, 'unknown');
    assert.equal(trustedOf(heard.ledger), 'ab');
    const early = admit(heard.ledger, 'b', DAY_MS + ISSUER_OVERLAP_MS - 1);
    assert.equal(early.kind, 'unknown');
    assert.equal(admit(heard.ledger, 'a', DAY_MS).kind, 'known', 'who was known stays it');
    assert.equal(admit(heard.ledger, 'b', DAY_MS + ISSUER_OVERLAP_MS).kind, 'known');
  });

  test('who signed anything that is valid is trusted, and nobody longer', () => {
    let { ledger } = admit([], 'a', 0);
    ledger = admit(ledger, 'a', 10 * DAY_MS).ledger;
    ledger = admit(ledger, 'b', 20 * DAY_MS).ledger;
    const lastOfA = 10 * DAY_MS + LASTS_MS;
    ledger = admit(ledger, 'b', lastOfA).ledger;
    assert.equal(trustedOf(ledger), 'ab');
    ledger = admit(ledger, 'b', lastOfA + DAY_MS + 1).ledger;
    assert.equal(trustedOf(ledger), 'b');
    const later = admit(ledger, 'b', lastOfA + 200 * DAY_MS);
    assert.equal(later.kind, 'known', 'one that was not needed for long is still the only one');
  });

  test('many certificates of a day are written down once', () => {
    const { ledger } = admit([], 'a', 0);
    assert.equal(admit(ledger, 'a', DAY_MS / 2).ledger, ledger);
    assert.notEqual(admit(ledger, 'a', 2 * DAY_MS).ledger, ledger);
  });

  test('an issuer that changes its authority all the time is not followed', () => {
    let ledger: TrustLedger = [];
    for (let i = 0; i < AUTHORITIES_MAX; i += 1) ledger = admit(ledger, `${i}`, i * DAY_MS).ledger;
    const leaf = { certificate: 'one more', leafUntil: 99 * DAY_MS };
    assert.equal(admitAuthority(ledger, leaf, 9 * DAY_MS).kind, 'tooMany');
  });

  test('what is written is what is read, and nonsense is nothing', () => {
    const { ledger } = admit(admit([], 'a', 0).ledger, 'b', DAY_MS);
    assert.deepEqual(readLedger(ledgerText(ledger)), ledger);
    for (const text of ['', '{}', 'null', '[{"since":"x","until":"y","certificate":"z"}]', '[1]']) {
      assert.equal(readLedger(text), undefined, text);
    }
  });
});
