/** Where to go on; without anything, where the run has stopped, on its own version. */
export interface Choice {
  from?: string | undefined;
  version?: number | undefined;
}
