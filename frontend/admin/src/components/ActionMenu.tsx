import { MoreOutlined } from '@ant-design/icons';
import { Button, Dropdown, type MenuProps } from 'antd';
import { useTranslation } from 'react-i18next';

export interface Action {
  key: string;
  label: string;
  icon?: React.ReactNode;
  danger?: boolean;
  onClick: () => void;
}

/** What can be done with one record, behind one button. Nothing to do: nothing to see. */
export function ActionMenu({ of, actions }: { of: string; actions: readonly (Action | false)[] }) {
  const { t } = useTranslation();
  const items: MenuProps['items'] = actions
    .filter((action) => action !== false)
    .map((action) => ({ ...action }));
  if (items.length === 0) return null;
  return (
    <Dropdown menu={{ items }} trigger={['click']} placement="bottomRight">
      <Button type="text" icon={<MoreOutlined aria-hidden />} aria-label={`${t('action.more')}: ${of}`} />
    </Dropdown>
  );
}
