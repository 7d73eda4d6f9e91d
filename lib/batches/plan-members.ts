import { hash } from 'node:crypto';
import { Problem } from '../errors.js';
import type { RenditionRequest } from '../jobs/job.js';
import { planRenditions, type Resolve, type WantedRendition } from '../renditions/plan.js';
import { type RenditionRow, summariseRendition } from '../renditions/rendition.js';
import type { BatchImage, MemberEnd, NewMember } from './member-rows.js';

/** What members are planned from. */
export interface MemberPlan {
  readonly batchId: string;
  readonly wanted: readonly WantedRendition[];
  readonly maxOutputPixels: number;
  /** Shared by all members, which are much alike. */
  readonly resolve: Resolve;
  /** Renditions that stand, by image. */
  readonly standing: ReadonlyMap<string, readonly RenditionRow[]>;
}

/**
 * The member of a batch for one of its images. What does not fit an image, or an image that is gone, fails
 * that member alone; what stands already is not made again.
 *
 * @param place of the image in the batch, from 0
 */
export function planMember(plan: MemberPlan, image: BatchImage, place: number): NewMember {
  const { imageId } = image;
  const member = { id: memberId(plan.batchId, imageId, place), imageId };
  if (image.sha256 === null) return { ...member, end: failed(imageGone()) };
  try {
    const renditions = planRenditions(plan.wanted, image, plan.maxOutputPixels, plan.resolve);
    const end = completed(imageId, renditions, plan.standing.get(imageId) ?? []);
    return { ...member, ...(end && { end }) };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { ...member, end: failed(error) };
  }
}

/**
 * The id of a member: made of its batch, its image and its place, so that a second making of the members
 * makes none twice. It looks like a UUIDv7 (RFC 9562, section 5.7) of the same millisecond as the batch's,
 * and members sort by their place.
 */
export function memberId(batchId: string, imageId: string, place: number): string {
  const digest = hash('sha256', `${batchId}${imageId}`);
  const high = (0x7000 | (place >> 4)).toString(16);
  const low = (0x80 | ((place & 0xf) << 2)).toString(16);
  return `${batchId.slice(0, 13)}-${high}-${low}${digest.slice(0, 2)}-${digest.slice(2, 14)}`;
}

function completed(
  imageId: string,
  renditions: readonly RenditionRequest[],
  standing: readonly RenditionRow[],
): MemberEnd | undefined {
  if (standing.length === 0) return undefined;
  const byId = new Map(standing.map((rendition) => [rendition.id, rendition]));
  const made = renditions.flatMap(({ id }) => byId.get(id) ?? []);
  return made.length === renditions.length
    ? { state: 'completed', result: { imageId, renditions: made.map(summariseRendition) } }
    : undefined;
}

function failed(problem: Problem): MemberEnd {
  return { state: 'failed', error: problem.toJSON() };
}

function imageGone(): Problem {
  return new Problem('IMAGE_NOT_FOUND', 'The image was deleted before its renditions were made.');
}
