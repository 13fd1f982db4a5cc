import type { TypePolicies } from '@apollo/client/core';

type KeyFields = NonNullable<TypePolicies[string]['keyFields']>;

/** By this field, where a document asks for it; otherwise the object stays where it was read, as without a policy. */
const by =
  (field: string): KeyFields =>
  (object) =>
    object[field] === undefined ? false : [field];

/**
 * For `InMemoryCache`: a check and a call are one object each, whichever event, page or query they came with, so that what is pushed shows
 * in every view that has queried them.
 */
export const lifelineTypePolicies: TypePolicies = {
  CoverageUpdate: { keyFields: by('workflowId') },
  VideoVisit: { keyFields: by('callId') },
};
