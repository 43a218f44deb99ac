/** The syntaxes of names and labels, with the sentences the real server refuses them with. */

const DNS_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const DNS_SUBDOMAIN = `${DNS_LABEL}(\\.${DNS_LABEL})*`;
const DNS_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?';

const SUBDOMAIN_RULE = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${DNS_SUBDOMAIN}')`;
const LABEL_RULE = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${DNS_LABEL}')`;
const DNS_1035_RULE = `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '${DNS_1035}')`;
const QUALIFIED_RULE = `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}')`;
const LABEL_VALUE_RULE = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${LABEL_VALUE}')`;

const matches = (pattern: string, value: string): boolean => new RegExp(`^${pattern}$`).test(value);
const tooLong = (max: number): string => `must be no more than ${max} characters`;
const tooLongBytes = (max: number): string => `must be no more than ${max} bytes`;

/** Each checker returns the sentences of what is wrong; none when the value is fine. */
export type NameCheck = (value: string) => string[];

export const checkSubdomain: NameCheck = (value) => [
  ...(value.length > 253 ? [tooLong(253)] : []),
  ...(matches(DNS_SUBDOMAIN, value) ? [] : [SUBDOMAIN_RULE]),
];

export const checkLabel: NameCheck = (value) => [
  ...(value.length > 63 ? [tooLong(63)] : []),
  ...(matches(DNS_LABEL, value) ? [] : [LABEL_RULE]),
];

export const checkDns1035: NameCheck = (value) => [
  ...(value.length > 63 ? [tooLong(63)] : []),
  ...(matches(DNS_1035, value) ? [] : [DNS_1035_RULE]),
];

/** Names of roles and the like: anything that can stand in a path. */
export const checkPathSegment: NameCheck = (value) => {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((one) => value.includes(one)).map((one) => `may not contain '${one}'`);
};

/** Keys of annotations, and finalizers: `name` or `prefix/name`. */
export const checkQualifiedName: NameCheck = (value) => checkPrefixedName(value, 'qualified name');

/** Keys of labels: as {@link checkQualifiedName}, in other words. */
export const checkLabelKey: NameCheck = (value) => checkPrefixedName(value, 'valid label key');

function checkPrefixedName(value: string, what: string): string[] {
  const parts = value.split('/');
  if (parts.length > 2) {
    return [
      `a ${what} ${QUALIFIED_RULE.replace('name part ', '')} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const [name = '', prefix] = parts.toReversed();
  const problems: string[] = [];
  if (prefix === '') problems.push('prefix part must be non-empty');
  else if (prefix !== undefined) {
    problems.push(...checkSubdomain(prefix).map((sentence) => `prefix part ${sentence}`));
  }
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > 63) problems.push(`name part ${tooLong(63)}`);
  if (!matches(QUALIFIED, name)) problems.push(QUALIFIED_RULE);
  return problems;
}

export const checkLabelValue: NameCheck = (value) => [
  ...(value.length > 63 ? [tooLongBytes(63)] : []),
  ...(matches(LABEL_VALUE, value) ? [] : [LABEL_VALUE_RULE]),
];

/** Keys of a ConfigMap or a Secret. */
export const checkDataKey: NameCheck = (value) => {
  if (value.length > 253) return [tooLong(253)];
  if (!/^[-._a-zA-Z0-9]+$/.test(value)) {
    return [
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    ];
  }
  if (value === '.') return [`must not be '.'`];
  return value.startsWith('..') ? [`must not start with '..'`] : [];
};

/** Names of container ports. */
export function checkPortName(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 15) problems.push(tooLong(15));
  if (!/^[-a-z0-9]+$/.test(value)) {
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (/^-|-$/.test(value)) problems.push('must not begin or end with a hyphen');
  return problems;
}
