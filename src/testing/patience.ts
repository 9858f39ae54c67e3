/** How long something is waited for. */
export interface Patience {
  /** In milliseconds; 5000 if not said. */
  within?: number | undefined;
}
