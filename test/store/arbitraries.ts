/** Random logs of the store: what the tests of its machine are fed. */
import fc from 'fast-check';
import type { Command, CommandBody } from '../../src/store/core/command.ts';
import type { Compare, Operation, Selector } from '../../src/store/index.ts';

const key = fc
  .constantFrom('', 'a', 'a/', 'a/1', 'a/2', 'b', 'b/\u{1f600}', 'é')
  .map((k) => `/${k}`);
const value = fc.string({ maxLength: 5, unit: 'binary' });
/** A log begins with three grants, whose ids are their indexes. */
const lease = fc.nat(4);
const operator = fc.constantFrom('=', '!=', '<', '>');
const selector: fc.Arbitrary<Selector> = fc.oneof(
  fc.record({ key }),
  fc.record({ prefix: fc.constantFrom('', '/', '/a', '/b', '/a/') }),
);
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({
    key,
    target: fc.constantFrom('version', 'createRevision', 'modRevision', 'lease'),
    operator,
    operand: fc.nat(15),
  }),
  fc.record({ key, target: fc.constant('value'), operator, operand: value }),
);
const put: fc.Arbitrary<Operation> = fc.record({
  type: fc.constant('put'),
  key,
  value,
  lease: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: lease }),
});
const operation: fc.Arbitrary<Operation> = fc.oneof(
  put,
  fc.record({ type: fc.constant('delete'), selector }),
  fc.record({ type: fc.constant('get'), selector }),
);
/** A branch as the rules for requests allow it: no key is put twice or put and deleted. */
const branch = fc
  .uniqueArray(operation, { maxLength: 4, selector: (o) => (o.type === 'put' ? o.key : o) })
  .map((operations) =>
    operations.some((o) => o.type === 'put')
      ? operations.filter((o) => o.type !== 'delete')
      : operations,
  );
export const body: fc.Arbitrary<CommandBody> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('txn'),
      compare: fc.array(compare, { maxLength: 2 }),
      success: branch,
      failure: branch,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('grant'), ttlMs: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('revoke'), lease }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('expire'),
      leases: fc.array(lease, { maxLength: 3 }),
      term: fc.integer({ min: 1, max: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('compact'), revision: fc.nat(15) }) },
);
/** A log: bodies, some of them proposed again later under the same id. */
export const log: fc.Arbitrary<Command[]> = fc
  .array(fc.tuple(body, fc.nat(20)), { maxLength: 40 })
  .map((items) => [
    ...[1, 2, 3].map((id): Command => ({
      proposal: `g${id}`,
      base: 0,
      body: { type: 'grant', ttlMs: id },
    })),
    ...items.map(([body, again]) => ({ proposal: `p${again}`, base: 0, body })),
  ]);
