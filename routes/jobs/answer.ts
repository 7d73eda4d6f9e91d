import { ref } from '../schemas.js';

/** The schema of an answer `{ job }`. */
export function jobAnswer(description: string) {
  return { description, type: 'object', required: ['job'], properties: { job: ref('Job') } };
}
