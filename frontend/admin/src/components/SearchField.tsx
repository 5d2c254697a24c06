import { SearchOutlined } from '@ant-design/icons';
import { Input } from 'antd';
import { useEffect, useRef, useState } from 'react';

/** A search box that speaks up a moment after the typing has stopped. */
export function SearchField(props: {
  label: string;
  value: string | undefined;
  onSearch: (value: string | undefined) => void;
}) {
  const [text, setText] = useState(props.value ?? '');
  const said = useRef(props.value ?? '');
  const onSearch = useRef(props.onSearch);
  onSearch.current = props.onSearch;

  useEffect(() => {
    // The address changed by other means: the back button, "clear filters".
    if ((props.value ?? '') !== said.current) {
      said.current = props.value ?? '';
      setText(said.current);
    }
  }, [props.value]);

  useEffect(() => {
    const wanted = text.trim();
    if (wanted === said.current) return;
    const timer = setTimeout(() => {
      said.current = wanted;
      onSearch.current(wanted || undefined);
    }, 300);
    return () => clearTimeout(timer);
  }, [text]);

  return (
    <Input
      className="grow"
      type="search"
      allowClear
      prefix={<SearchOutlined aria-hidden />}
      aria-label={props.label}
      placeholder={props.label}
      maxLength={200}
      value={text}
      onChange={(event) => setText(event.target.value)}
    />
  );
}
