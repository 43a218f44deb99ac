/** What the chart, the plain manifests and the image guarantee. */
import type { Requirement } from './requirement.ts';

export const deploy = {
  'bundle.loads-no-more': {
    sentence:
      "The bundle loads of Node's own modules what it imports by name, not what others of their exports need",
    source: 'issue 6: memory and start-up bounded',
  },
  'chart.lint': {
    sentence:
      'helm lint --strict has nothing to say about the chart with its default values and with those that change most',
    source: 'issue 6: Helm chart',
  },
  'chart.features': {
    sentence:
      'Each feature of the chart has a file in ci/ and renders what that file is there to show',
    source: 'issue 6: ci/*-values.yaml per feature',
  },
  'chart.refusals': {
    sentence:
      'A wrong value is refused with its path, a contradiction with a sentence that says what to change',
    source: 'issue 6: a template that fails on bad combinations',
  },
  'chart.plain-manifests': {
    sentence: 'The plain manifests are what the chart renders with its default values',
    source: 'issue 6: plain manifests in deploy/ by one generate',
  },
  'chart.kubernetes-versions': {
    sentence:
      'helm refuses a Kubernetes without native sidecars, and takes one with the suffix of its vendor',
    source: 'KEP-753: sidecar containers, on by default since 1.29',
  },
  'chart.definitions': {
    sentence:
      'The CustomResourceDefinition of the chart is that of the source, and is kept at uninstall',
    source: 'helm/helm#8668: what lies in crds/ is never upgraded',
  },
  'chart.monitors-by-capability': {
    sentence:
      'Monitors and rules are made where the cluster knows their kinds, and never when switched off',
    source: 'issue 6: PodMonitor/ServiceMonitor/PrometheusRule by capability or switch',
  },
  'chart.life': {
    sentence:
      'helm installs, upgrades, rolls back and uninstalls; the definition and every McpCluster outlive the release',
    source: 'issue 6: with the real helm on the real API server and on the laptop cluster',
  },
  'chart.leaves-nothing': {
    sentence:
      'After an uninstall the authority that the operator made for itself is gone, and clusters, their authorities and pods run on',
    source: 'issue 6: uninstall (CRs kept)',
  },
  'chart.operator-pod': {
    sentence:
      'Installed by helm, the operator runs as a pod with the token of its ServiceAccount and the rights of the chart, and an McpCluster becomes Available and serves sessions, on the laptop cluster with either control plane',
    source: 'issue 6: Helm chart',
  },
  'chart.restricted': {
    sentence: "The operator's pod is admitted to a namespace that enforces Pod Security restricted",
    source: 'Kubernetes, Pod Security Standards',
  },
  'chart.accepted': {
    sentence:
      'Every object the chart renders with any of its ci/ values is taken by a real API server without an unknown field',
    source: 'design',
  },
  'image.minimal': {
    sentence: 'The image holds Node, its libraries and the bundle: no shell, no package manager',
    source: 'issue 6: distroless-like, non-root, bundle only',
  },
  'image.bill-of-materials': {
    sentence:
      'The image lists the packages whose code is in it, each with version and licence, and no other',
    source: 'CycloneDX 1.5',
  },
  'image.compiled-code': {
    sentence: "Operator and sidecar start from compiled code that the image's user can read",
    source: 'issue 6: from start to the first watch within 250 ms',
  },
  'image.runs': {
    sentence: "The program runs from the image's root file system alone, as the image's user",
    source: 'issue 6: built without Docker and run under chroot',
  },
} as const satisfies Record<string, Requirement>;
