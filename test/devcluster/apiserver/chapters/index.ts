/** All chapters of the conversation by name, in the order in which they are held. */
import { access } from './access.ts';
import { apply } from './apply.ts';
import { batch } from './batch.ts';
import type { Chapter } from './chapter.ts';
import { custom } from './custom.ts';
import { discovery } from './discovery.ts';
import { impersonation } from './impersonation.ts';
import { lists, objects } from './objects.ts';
import { others } from './others.ts';
import { pods } from './pods.ts';
import { services } from './services.ts';
import { tokens } from './tokens.ts';
import { workloads } from './workloads.ts';

export type { Call, Until } from './chapter.ts';
export const CHAPTERS: Readonly<Record<string, Chapter>> = {
  objects,
  lists,
  pods,
  services,
  workloads,
  batch,
  others,
  tokens,
  access,
  impersonation,
  apply,
  custom,
  discovery,
};
