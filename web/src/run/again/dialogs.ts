import { later } from "../../ui/later";

export const ForkDialog = later(() => import("./fork-dialog"), "ForkDialog");
export const RetryDialog = later(() => import("./retry-dialog"), "RetryDialog");

/** Loads the dialog; for when somebody is about to open it. */
export const preloadRetry = () => void RetryDialog.preload();
