/** What annotations of the own pod say of this member: files that Kubernetes keeps up to date (downward API). */
import { join } from 'node:path';
import { readFileIfExists } from '../host/index.ts';
import type { Clock } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';

export interface PodAnnotations {
  /** Share of new work (`mcpcluster.io/weight`); undefined: the resource decides. */
  readonly weight: number | undefined;
  /** Labels that tools may require (`mcpcluster.io/capabilities`). */
  readonly capabilities: readonly string[];
}

export interface PodAnnotationsSource {
  current(): PodAnnotations;
  /** Calls `listener` after each change; returns the function that ends it. */
  onChange(listener: () => void): () => void;
  stop(): void;
}

const NO_ANNOTATIONS: PodAnnotations = { weight: undefined, capabilities: [] };
const LOOK_INTERVAL_MS = 2_000;
const WEIGHT_MAX = 1000;
/** All labels of a member and the commas between them: gossip carries them to everybody. */
const CAPABILITIES_LENGTH_MAX = 256;
const LABEL = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;

/** The annotation's weight; a text that is none is a problem and counts as absent. */
export function parseWeight(text: string): number | undefined | { readonly problem: string } {
  if (text.trim() === '') return undefined;
  const weight = Number(text);
  return /^\s*\d+(\.\d+)?\s*$/.test(text) && weight <= WEIGHT_MAX
    ? weight
    : { problem: `${JSON.stringify(text)} is not a weight between 0 and ${WEIGHT_MAX}` };
}

/** The annotation's labels, separated by commas; all of them count as absent when one is wrong. */
export function parseCapabilities(text: string): readonly string[] | { readonly problem: string } {
  const labels = [...new Set(text.split(',').map((label) => label.trim()))].filter(
    (label) => label !== '',
  );
  const wrong = labels.find((label) => !LABEL.test(label));
  if (wrong !== undefined) return { problem: `${JSON.stringify(wrong)} is not a label` };
  const { length } = labels.join();
  return length <= CAPABILITIES_LENGTH_MAX
    ? labels
    : { problem: `${length} characters: at most ${CAPABILITIES_LENGTH_MAX}` };
}

/** Reads `weight` and `capabilities` in `directory` now and every two seconds; without one, there are no annotations. */
export async function watchPodAnnotations(
  directory: string | undefined,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<PodAnnotationsSource> {
  const listeners = new Set<() => void>();
  let current = NO_ANNOTATIONS;
  let texts = '';
  let cancel = (): void => undefined;
  let isStopped = false;

  function complain(annotation: string, problem: string): void {
    logger.warn('pod annotation passed over', { annotation, problem });
  }

  async function look(folder: string): Promise<void> {
    const weightText = (await readFileIfExists(join(folder, 'weight'))) ?? '';
    const labelsText = (await readFileIfExists(join(folder, 'capabilities'))) ?? '';
    if (texts === `${weightText}\n${labelsText}`) return;
    texts = `${weightText}\n${labelsText}`;
    const weight = parseWeight(weightText);
    const capabilities = parseCapabilities(labelsText);
    if (typeof weight === 'object') complain('mcpcluster.io/weight', weight.problem);
    if ('problem' in capabilities) complain('mcpcluster.io/capabilities', capabilities.problem);
    current = {
      weight: typeof weight === 'object' ? undefined : weight,
      capabilities: 'problem' in capabilities ? [] : capabilities,
    };
    for (const listener of listeners) listener();
  }

  async function keepLooking(folder: string): Promise<void> {
    await look(folder).catch((error: unknown) => complain('all', String(error)));
    if (!isStopped) cancel = clock.schedule(LOOK_INTERVAL_MS, () => void keepLooking(folder));
  }

  if (directory !== undefined) await keepLooking(directory);
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop() {
      isStopped = true;
      cancel();
    },
  };
}
