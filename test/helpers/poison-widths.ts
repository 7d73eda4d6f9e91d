/** A picture of this width kills the process of the thread that decodes it. */
export const KILLS_WIDTH = 666;
/** A picture of this width stops the first thread that decodes it for good. */
export const HANGS_ONCE_WIDTH = 667;
