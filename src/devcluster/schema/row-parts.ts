/** What the cells of several kinds have in common. */
import { listAt, objectAt, textAt } from './fields.ts';

/** A label selector as text. */
export function selector(value: unknown): string {
  if (value === undefined) return '<none>';
  const parts = Object.entries(objectAt(value, 'matchLabels')).map(([key, text]) => ({
    key,
    text: `${key}=${String(text)}`,
  }));
  for (const expression of listAt(value, 'matchExpressions')) {
    const key = textAt(expression, 'key');
    parts.push({ key, text: requirement(key, expression) });
  }
  const texts = parts.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ text }) => text);
  return texts.length === 0 ? '<none>' : texts.join(',');
}

function requirement(key: string, expression: unknown): string {
  const values = listAt(expression, 'values').map(String).sort().join(',');
  switch (textAt(expression, 'operator')) {
    case 'In':
      return `${key} in (${values})`;
    case 'NotIn':
      return `${key} notin (${values})`;
    case 'Exists':
      return key;
    default:
      return `!${key}`;
  }
}

/** Names and images of the containers of the template in `spec`. */
export function containersOf(spec: unknown): [names: string, images: string] {
  const list = listAt(spec, 'template', 'spec', 'containers');
  return [
    list.map((container) => textAt(container, 'name')).join(','),
    list.map((container) => textAt(container, 'image')).join(','),
  ];
}
