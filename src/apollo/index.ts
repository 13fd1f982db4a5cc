export { lifelineTypePolicies } from './cache.ts';
export { createLifelineLink, type LifelineLink, type LifelineLinkOptions } from './link.ts';
