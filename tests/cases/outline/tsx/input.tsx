import React from "react";

interface Props { title: string; onClose(): void }

/** A card. */
export const Card: React.FC<Props> = ({ title }) => {
  const handle = () => close(title);
  return <Panel.Body onClick={handle}><Title text={title} /></Panel.Body>;
};

export default function Page(props: Props): JSX.Element {
  return <Card {...props} />;
}
