const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** An identifier; of a UUID the end, which tells two apart (the beginning is the time it was made). */
export function Identifier({ id }: { id: string }) {
  return (
    <span className="mono quiet" title={id}>
      {UUID.test(id) ? `…${id.slice(-8)}` : id}
    </span>
  );
}
