/** Rules of `metadata` that hold for every kind. */
import type { ObjectMeta, StoredObject } from '../../objects/index.ts';
import type { FieldProblem } from '../../schema/index.ts';
import { asObjects, asText, isObject } from '../json.ts';
import { problem, type NameRule } from '../strategy.ts';
import {
  checkDns1035,
  checkLabel,
  checkLabelKey,
  checkLabelValue,
  checkPathSegment,
  checkQualifiedName,
  checkSubdomain,
  type NameCheck,
} from './names.ts';

const ANNOTATION_BYTES_MAX = 256 * 1024;

const STANDARD_FINALIZERS = ['orphan', 'foregroundDeletion', 'kubernetes'];

const NAME_CHECKS: Readonly<Record<NameRule, NameCheck>> = {
  subdomain: checkSubdomain,
  label: checkLabel,
  service: checkDns1035,
  path: checkPathSegment,
};

/** What decides how metadata is judged. */
export interface MetadataRules {
  readonly namespaced: boolean;
  readonly strategy: { readonly nameRule: NameRule };
  /** Kubernetes' own kinds know a few finalizers without a domain; definitions and custom resources take any name. */
  readonly group: string;
  readonly custom?: unknown;
}

/** Problems of a new object's metadata. */
export function validateMetadata(metadata: ObjectMeta, rules: MetadataRules): FieldProblem[] {
  const { namespaced } = rules;
  const rule = rules.strategy.nameRule;
  const { name = '', namespace = '' } = metadata;
  const problems: FieldProblem[] = [];
  if (name === '') {
    problems.push(problem.required('metadata.name', 'name or generateName is required'));
  } else {
    problems.push(...named('metadata.name', name, NAME_CHECKS[rule]));
  }
  if (namespaced && namespace === '') problems.push(problem.required('metadata.namespace'));
  if (!namespaced && namespace !== '') {
    problems.push(problem.forbidden('metadata.namespace', 'not allowed on this type'));
  }
  problems.push(
    ...validateLabels(metadata.labels, 'metadata.labels'),
    ...validateAnnotations(metadata.annotations),
    ...validateOwners(metadata),
    ...validateFinalizers(metadata.finalizers, isOpenToFinalizers(rules)),
  );
  return problems;
}

/** Problems of a set of labels; used for selectors and templates too. */
export function validateLabels(labels: unknown, field: string): FieldProblem[] {
  if (!isObject(labels)) return [];
  return Object.entries(labels).flatMap(([key, value]) => [
    ...named(field, key, checkLabelKey),
    ...named(field, asText(value), checkLabelValue),
  ]);
}

function validateAnnotations(annotations: ObjectMeta['annotations']): FieldProblem[] {
  const entries = Object.entries(annotations ?? {});
  const bytes = entries.reduce((sum, [key, value]) => sum + key.length + asText(value).length, 0);
  return [
    ...entries.flatMap(([key]) =>
      named('metadata.annotations', key.toLowerCase(), checkQualifiedName),
    ),
    ...(bytes > ANNOTATION_BYTES_MAX
      ? [
          {
            field: 'metadata.annotations',
            reason: 'FieldValueTooLong',
            message: `Too long: may not be more than ${ANNOTATION_BYTES_MAX} bytes`,
          } as const,
        ]
      : []),
  ];
}

function validateOwners(metadata: ObjectMeta): FieldProblem[] {
  const owners = asObjects(metadata.ownerReferences);
  const problems = owners.flatMap((owner, index) =>
    ['apiVersion', 'kind', 'name', 'uid']
      .filter((field) => asText(owner[field]) === '')
      .map((field) =>
        problem.invalid(
          `metadata.ownerReferences[${index}].${field}`,
          owner[field] ?? '',
          `${field === 'apiVersion' ? 'version' : field} must not be empty`,
        ),
      ),
  );
  const controllers = owners.filter((owner) => owner['controller'] === true);
  if (controllers.length > 1) {
    const names = controllers.map((owner) => asText(owner['name'])).join(', ');
    problems.push(
      problem.invalid(
        'metadata.ownerReferences',
        names,
        'Only one reference can have Controller set to true. Found "true" in references for ' +
          names.replace(', ', ' and '),
      ),
    );
  }
  return problems;
}

function isOpenToFinalizers({ group, custom }: MetadataRules): boolean {
  return custom !== undefined || group === 'apiextensions.k8s.io';
}

function validateFinalizers(finalizers: ObjectMeta['finalizers'], isOpen: boolean): FieldProblem[] {
  const detail = 'name is neither a standard finalizer name nor is it fully qualified';
  return (finalizers ?? []).flatMap((one, index) => {
    const problems = named('metadata.finalizers', one, checkQualifiedName);
    if (isOpen || one.includes('/') || STANDARD_FINALIZERS.includes(one)) return problems;
    return [...problems, problem.invalid(`metadata.finalizers[${index}]`, one, detail)];
  });
}

const IMMUTABLE = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/** Problems of a change of metadata: what identifies an object never changes, finalizers never come late. */
export function validateMetadataUpdate(object: StoredObject, old: StoredObject): FieldProblem[] {
  const { metadata } = object;
  const problems = IMMUTABLE.filter((field) => metadata[field] !== old.metadata[field]).map(
    (field) => problem.invalid(`metadata.${field}`, metadata[field] ?? null, 'field is immutable'),
  );
  if (old.metadata.deletionTimestamp !== undefined) {
    const before = new Set(old.metadata.finalizers);
    const added = (metadata.finalizers ?? []).filter((one) => !before.has(one));
    if (added.length > 0) {
      problems.push(
        problem.forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((one) => JSON.stringify(one)).join(', ')}}`,
        ),
      );
    }
  }
  return problems;
}

function named(field: string, value: string, check: NameCheck): FieldProblem[] {
  return check(value).map((sentence) => problem.invalid(field, value, sentence));
}
