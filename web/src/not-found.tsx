import { Link } from "@tanstack/react-router";
import { Empty } from "./ui/states";

export function NotFound() {
  return (
    <Empty icon="search" title="There is no such page">
      <Link to="/" className="font-medium text-accent hover:underline">
        To the projects
      </Link>
    </Empty>
  );
}
