import { Dialog } from "../ui/dialog";

interface Props {
  title: string;
  /** What is to be seen, for those who do not. */
  name: string;
  source: string;
  onClose: () => void;
}

export function LargePicture({ title, name, source, onClose }: Props) {
  return (
    <Dialog open onOpenChange={onClose} title={title} wide>
      <img src={source} alt={name} className="mx-auto max-w-full" />
    </Dialog>
  );
}
