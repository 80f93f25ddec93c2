"""Which stand-in widget serves as which of Slicer's and CTK's classes."""

from __future__ import annotations

from Testing.host import ctk_choices, ctk_collapsible, ctk_numbers, mrml_widgets, node_combo_box

CTK = {cls.__name__: cls for cls in (
    ctk_collapsible.ctkCollapsibleButton, ctk_collapsible.ctkCollapsibleGroupBox, ctk_numbers.ctkDoubleSpinBox,
    ctk_numbers.ctkSliderWidget, ctk_numbers.ctkRangeWidget, ctk_choices.ctkComboBox, ctk_choices.ctkPushButton,
    ctk_choices.ctkCheckablePushButton, ctk_choices.ctkMenuButton, ctk_choices.ctkExpandButton,
    ctk_choices.ctkColorPickerButton, ctk_choices.ctkSearchBox, ctk_choices.ctkFittedTextBrowser,
    ctk_choices.ctkMessageBox, ctk_choices.ctkPathLineEdit, ctk_choices.ctkDirectoryButton,
    ctk_choices.ctkCheckableComboBox)}
MRML = {cls.__name__: cls for cls in (
    mrml_widgets.qMRMLWidget, mrml_widgets.qMRMLSegmentationShow3DButton, mrml_widgets.qMRMLTableView,
    mrml_widgets.qMRMLSegmentsTableView, node_combo_box.qMRMLNodeComboBox,
    node_combo_box.qMRMLCheckableNodeComboBox, ctk_numbers.qMRMLSliderWidget, ctk_numbers.qMRMLSpinBox)}
