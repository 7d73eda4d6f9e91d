/** What a notify job is to do: its delivery's row says what. */
export interface DeliveryRequest {
  readonly deliveryId: string;
}

/** What became of a delivery that arrived. */
export interface DeliveryResult {
  readonly deliveryId: string;
  /** The receiver's HTTP status; null for e-mail. */
  readonly status: number | null;
}
