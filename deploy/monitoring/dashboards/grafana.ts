/** A dashboard as the JSON that Grafana reads (schema version 39, Grafana 10 and later). */
import { CLUSTERS, type Dashboard, type Panel } from './model.ts';

const COLUMNS = 24;
const SIZE = {
  stat: { w: 6, h: 4 },
  series: { w: 12, h: 8 },
  table: { w: 12, h: 8 },
} as const;
const TYPE = { stat: 'stat', series: 'timeseries', table: 'table' } as const;
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

/** The whole dashboard; ids follow from the order of the panels, so that a panel keeps its own. */
export function grafanaDashboard(dashboard: Dashboard): object {
  const { uid, title, description, perCluster } = dashboard;
  return {
    uid,
    title,
    description,
    tags: ['mcp-cluster-operator'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    links: [
      {
        type: 'dashboards',
        title: 'MCP',
        tags: ['mcp-cluster-operator'],
        asDropdown: false,
        includeVars: true,
        keepTime: true,
      },
    ],
    templating: { list: [datasource(), ...(perCluster ? clusterVariables() : [])] },
    annotations: { list: [] },
    panels: placed(dashboard),
  };
}

function placed({ rows }: Dashboard): object[] {
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    const id = panels.length + 1;
    const gridPos = { x: 0, y, w: COLUMNS, h: 1 };
    panels.push({ id, type: 'row', title: row.title, collapsed: false, gridPos, panels: [] });
    y += 1;
    let x = 0;
    let height = 0;
    for (const panel of row.panels) {
      const { w, h } = SIZE[panel.kind];
      if (x + w > COLUMNS) {
        y += height;
        x = 0;
      }
      panels.push(grafanaPanel(panel, panels.length + 1, { x, y, w, h }));
      x += w;
      height = h;
    }
    y += height;
  }
  return panels;
}

function grafanaPanel(panel: Panel, id: number, gridPos: object): object {
  const { title, description, kind, unit, queries } = panel;
  return {
    id,
    type: TYPE[kind],
    title,
    description,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: {
      defaults: {
        unit,
        thresholds: { mode: 'absolute', steps: thresholds(panel) },
        ...(kind === 'series' ? { min: 0, custom: lines(panel) } : {}),
      },
      overrides: [],
    },
    options: OPTIONS[kind],
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      ...(kind === 'series'
        ? { range: true }
        : { instant: true, range: false, format: kind === 'table' ? 'table' : 'time_series' }),
    })),
  };
}

const OPTIONS = {
  stat: {
    colorMode: 'value',
    graphMode: 'none',
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  },
  series: {
    legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
  table: { showHeader: true },
} as const;

function lines({ stacked }: Panel): object {
  return {
    drawStyle: 'line',
    lineWidth: 1,
    fillOpacity: stacked === true ? 30 : 5,
    showPoints: 'never',
    stacking: { mode: stacked === true ? 'normal' : 'none', group: 'A' },
  };
}

function thresholds({ redFrom, redBelow }: Panel): object[] {
  if (redBelow !== undefined) {
    return [
      { color: 'red', value: null },
      { color: 'green', value: redBelow },
    ];
  }
  const green = { color: 'green', value: null };
  return redFrom === undefined ? [green] : [green, { color: 'red', value: redFrom }];
}

function datasource(): object {
  return { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' };
}

/** Both are asked of the operator's series, which exist while the cluster does. */
function clusterVariables(): object[] {
  const variable = (name: string, label: string, query: string): object => ({
    name,
    label,
    type: 'query',
    datasource: DATASOURCE,
    query: { query, refId: name },
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.+',
    current: { text: ['All'], value: ['$__all'] },
  });
  const inNamespace = CLUSTERS.split(',')[0];
  return [
    variable('namespace', 'Namespace', 'label_values(mcp_cluster_info, namespace)'),
    variable('cluster', 'McpCluster', `label_values(mcp_cluster_info{${inNamespace}}, name)`),
  ];
}
