import { Later, later } from "../ui/later";

const StartDialog = later(() => import("./start-dialog"), "StartDialog");

interface Props {
  project: string;
  /** Chosen at first; otherwise the newest one. */
  workflow?: string | undefined;
  onClose: () => void;
}

/** Asks what to start, and with which input. */
export function Start(props: Props) {
  return (
    <Later instead={null}>
      <StartDialog {...props} />
    </Later>
  );
}

/** Loads the dialog; for when somebody is about to open it. */
export const preloadStart = () => void StartDialog.preload();
