/** How many members a parent has, and how they stand; those that have not ended are the rest. */
export interface MemberCounts {
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
}
