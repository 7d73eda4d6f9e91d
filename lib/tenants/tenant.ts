/** What a tenant may have; 0 is no limit. */
export interface Quotas {
  /** Originals and renditions. */
  readonly bytes: number;
  readonly images: number;
  /** Jobs that wait, members of batches that are yet to be made too. */
  readonly queuedJobs: number;
  /** Megapixels that its jobs are asked to read: width × height × pages of their images. */
  readonly megapixelsAnHour: number;
}

/** The names of the quotas, as the API spells them. */
export const quotaNames = [
  'bytes',
  'images',
  'queuedJobs',
  'megapixelsAnHour',
] as const satisfies (keyof Quotas)[];

/** A tenant as its row has it (the view `tenant_states`). Null is what nothing limits, and nobody counts. */
export interface TenantRow {
  readonly id: string;
  readonly createdAt: Date;
  readonly maxBytes: number;
  readonly maxImages: number;
  readonly maxQueuedJobs: number;
  readonly maxMegapixelsAnHour: number;
  readonly usedBytes: number | null;
  readonly usedImages: number | null;
  readonly queuedJobs: number;
  readonly hourPixels: number | null;
}

/** A tenant as the API shows it. */
export interface Tenant {
  readonly id: string;
  readonly quotas: Quotas;
  readonly usage: { readonly [Name in keyof Quotas]: number | null };
  readonly createdAt: string;
}

const PIXELS_A_MEGAPIXEL = 1_000_000;

/** Megapixels, rounded up. */
export function megapixels(pixels: number): number {
  return Math.ceil(pixels / PIXELS_A_MEGAPIXEL);
}

/** A row as the API shows it. */
export function presentTenant(row: TenantRow): Tenant {
  return {
    id: row.id,
    quotas: {
      bytes: row.maxBytes,
      images: row.maxImages,
      queuedJobs: row.maxQueuedJobs,
      megapixelsAnHour: row.maxMegapixelsAnHour,
    },
    usage: {
      bytes: row.usedBytes,
      images: row.usedImages,
      queuedJobs: row.queuedJobs,
      megapixelsAnHour: row.hourPixels === null ? null : megapixels(row.hourPixels),
    },
    createdAt: row.createdAt.toISOString(),
  };
}
