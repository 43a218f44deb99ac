/** The table of all metrics of ours, made from what running processes export. */

const HEADER = `<!-- Made from what a running cluster exports; UPDATE=1 npm run e2e -- --only metrics.md makes it anew. -->

# Metrics

The operator serves them at its \`--health-address\`, members at port 9090 (\`metrics\`), at \`/metrics\`. Those of controllers, work queues,
leader election and requests to the API server have the names, labels and buckets of controller-runtime and client-go. Beside these
there are the \`process_*\` and \`nodejs_*\` of prom-client. Series of the operator about a cluster carry its \`namespace\` and \`name\`; those of
members get \`namespace\`, \`pod\` and \`mcp_cluster\` from the PodMonitor of the chart. No label takes its value from what a client sends.
`;

/** `expositions` by the name of the kind of process. */
export function metricTable(expositions: Readonly<Record<string, string>>): string {
  const parts = Object.entries(expositions).map(([process, text]) => {
    const types = new Map(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]),
    );
    const rows = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)]
      .filter(([, name = '']) => !/^(process|nodejs)_/.test(name))
      .map(([, name, help]) => `| \`${name}\` | ${types.get(name)} | ${help} |`)
      .sort();
    return `\n## Of ${process}\n\n| name | type | meaning |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return HEADER + parts.join('');
}
