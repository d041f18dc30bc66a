import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState, useSyncExternalStore } from "react";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { apiKey } from "./key";

/** Opens by itself when the server has answered 401. */
export function KeyDialog() {
  const wanted = useSyncExternalStore(apiKey.subscribe, apiKey.isWanted);
  const again = wanted && apiKey.get() !== null;
  const client = useQueryClient();
  const [value, setValue] = useState("");
  const save = (event: FormEvent) => {
    event.preventDefault();
    apiKey.set(value.trim());
    setValue("");
    void client.resetQueries();
  };
  return (
    <Dialog open={wanted} title="This server asks for an API key" description={`${again ? "It does not take the one that you gave. " : ""}The key stays in this browser and is sent with every request.`}>
      <form onSubmit={save} className="space-y-4">
        <Field label="API key" type="password" autoComplete="off" value={value} onChange={(event) => setValue(event.target.value)} required />
        <div className="flex justify-end">
          <Button type="submit" kind="primary" disabled={value.trim() === ""}>
            Use this key
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
