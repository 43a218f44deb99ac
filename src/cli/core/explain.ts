/** What an answer of the API server means for whoever typed a command, and what to do about it. */

/** What is read of an error of the API client. */
export interface ApiFailure {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly details?:
    | {
        readonly causes?: readonly { readonly field?: string; readonly message?: string }[];
      }
    | undefined;
}

/** What was tried. */
export interface Attempt {
  readonly verb: string;
  /** API group, empty for the core group. */
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
}

/** A sentence for people, with the fields that are wrong or the rule of RBAC that is missing. */
export function explain(error: ApiFailure, attempt: Attempt): string {
  const { group, resource, verb, namespace } = attempt;
  switch (error.status) {
    case 0:
      return `the API server does not answer: ${error.message}; is it the right --context?`;
    case 401:
      return `the API server does not know who you are: ${error.message}; log in again, or name another --context`;
    case 403:
      return [
        error.message,
        `you need this rule in a Role of the namespace ${namespace}, or the role ${verb === 'get' || verb === 'list' ? 'view' : 'edit'} where the chart was installed with rbac.aggregate:`,
        `  - apiGroups: ['${group}']`,
        `    resources: [${resource}]`,
        `    verbs: [${verb === 'patch' ? 'get, patch' : verb}]`,
      ].join('\n');
    case 404:
      if (group === '') return `${error.message}: it has gone meanwhile; see kubectl mcp status`;
      return `the API server does not serve ${resource}.${group}: install the operator's chart, or its crds/`;
    case 409:
      return `somebody else goes on changing it: ${error.message}; try again`;
    case 400:
    case 422:
      return [`it is refused:`, ...causesOf(error)].join('\n  ');
    case 429:
      return `the API server has too much to do: ${error.message}; try again in a moment`;
    default:
      return `the API server answers ${error.status}: ${error.message}; try again, and look at its log when that goes on`;
  }
}

function causesOf({ details, message }: ApiFailure): string[] {
  const causes = (details?.causes ?? []).filter((cause) => cause.message !== undefined);
  if (causes.length === 0) return [message];
  return causes.map((cause) =>
    cause.field === undefined ? `${cause.message}` : `${cause.field}: ${cause.message}`,
  );
}
