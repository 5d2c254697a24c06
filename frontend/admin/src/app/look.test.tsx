import { act, render, screen } from '@testing-library/react';
import { ConfigProvider } from 'antd';
import { useContext, useEffect } from 'react';
import { beforeAll, expect, it } from 'vitest';
import { speak, startTranslation } from '@/i18n';
import { Look } from './App';

beforeAll(() => startTranslation('en'));

it('draws a page once, so that nothing typed is lost when the language comes or changes', async () => {
  let mounted = 0;
  function Page() {
    useEffect(() => {
      mounted += 1;
    }, []);
    return <p>{useContext(ConfigProvider.ConfigContext).locale?.locale ?? 'none'}</p>;
  }
  render(
    <Look>
      <Page />
    </Look>,
  );
  await screen.findByText('en');
  await act(() => speak('zh-CN'));
  await screen.findByText('zh-cn');
  expect(mounted).toBe(1);
});
