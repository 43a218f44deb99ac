/**
 * Every guarantee the project makes, as data. A test cites one with `verifies(id)` as its name; `tidy.test.ts` fails for
 * a row that no test cites. Add the row first, then the test that fails, then the code. A row goes into the file of its
 * area, `test/requirements/<area>.ts`.
 */
import { admission } from './requirements/admission.ts';
import { auth } from './requirements/auth.ts';
import { backup } from './requirements/backup.ts';
import { balancing } from './requirements/balancing.ts';
import { conformance } from './requirements/conformance.ts';
import { bridge } from './requirements/bridge.ts';
import { deploy } from './requirements/deploy.ts';
import { devcluster } from './requirements/devcluster.ts';
import { foundation } from './requirements/foundation.ts';
import { gateway } from './requirements/gateway.ts';
import { gossip } from './requirements/gossip.ts';
import { kube } from './requirements/kube.ts';
import { lifeCycle } from './requirements/life-cycle.ts';
import { modern } from './requirements/modern.ts';
import { nodes } from './requirements/nodes.ts';
import { observability } from './requirements/observability.ts';
import { operator } from './requirements/operator.ts';
import { raft } from './requirements/raft.ts';
import { sidecar } from './requirements/sidecar.ts';
import { trust } from './requirements/trust.ts';
import { store } from './requirements/store.ts';
import { verbs } from './requirements/verbs.ts';
import type { Requirement } from './requirements/requirement.ts';

const rows = {
  ...foundation,
  ...kube,
  ...raft,
  ...store,
  ...gossip,
  ...gateway,
  ...bridge,
  ...balancing,
  ...auth,
  ...admission,
  ...modern,
  ...conformance,
  ...observability,
  ...operator,
  ...backup,
  ...lifeCycle,
  ...devcluster,
  ...nodes,
  ...deploy,
  ...sidecar,
  ...trust,
  ...verbs,
} satisfies Record<string, Requirement>;

export type { Requirement };
export type RequirementId = keyof typeof rows;
export const REQUIREMENTS: Readonly<Record<string, Requirement>> = rows;

/** The name of a test that proves the requirement `id`. */
export function verifies(id: RequirementId): string {
  return `[${id}] ${rows[id].sentence}`;
}
